"""A file a data format, and a file a set that is drawn; the file's name is the name in a config.

A format (`data.format`, by itself recognised by content) declares

    recognises(path) -> bool                a cheap look at a file or folder: is it written in this format?
    parse(asked, problems) -> Content       read it, in the terms of COCO: `cornernet.data.annotations.content`
    splits(path) -> set[str]                optional: which of "train" and "val" one path holds; without: a set alone
    one_file(asked) -> Path                 optional: the one file in which all of the set stands but the images; then
                                            what was read of a large one is kept for the next start, by a version
                                            of the package: one of your own may have changed within that

What is wrong with a single record it hands to `problems.skip(kind, message)`, which ends the reading or counts; what
the record says it need not check: names, sizes, ids and boxes of every format are checked alike behind it.

A set that is drawn (`data.name`) declares

    build(data, split) -> Source            the section data of the config -> images, boxes and labels
"""

from types import ModuleType

from cornernet.registry import modules

MODULES = modules(__name__, __path__)
FORMATS: dict[str, ModuleType] = {name: found for name, found in MODULES.items() if hasattr(found, "parse")}
DRAWN: dict[str, ModuleType] = {name: found for name, found in MODULES.items() if hasattr(found, "build")}
FILES = "coco"  # data.name of a set of files; its format is another matter

for _name, _found in MODULES.items():
    if not (hasattr(_found, "build") or (hasattr(_found, "parse") and hasattr(_found, "recognises"))):
        raise ImportError(f"{_found.__file__} must define recognises and parse, or build: see {__name__}")
