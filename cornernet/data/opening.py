"""From a path that someone names to a checked set: which format it is in, and what the format makes of it."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

from cornernet import registry
from cornernet.data.annotations import AnnotatedSet, Asked, checked, kept, require
from cornernet.data.annotations.strange import strange
from cornernet.data.annotations.tree import unpacked
from cornernet.data.problems import Problems
from cornernet.data.sources import FORMATS

AUTO = "auto"


def read(
    annotations: str | Path, images_dir: str | Path | None = None, on_error: str = "stop", quiet: bool = False
) -> AnnotatedSet:
    """File or folder of annotations in any format, and folder of its images (None: to be found) -> AnnotatedSet.

    on_error says what happens to a bad record: "stop" raises ValueError naming file and record, "skip" leaves it out
    and counts it in `problems`; each kind is logged once, unless quiet. Raises FileNotFoundError for what is not there
    and ValueError for what is in no format that can be read, whatever on_error says.
    """
    return opened(Asked(Path(annotations), images=None if images_dir is None else Path(images_dir)), on_error, quiet)


def opened(
    asked: Asked,
    on_error: str = "stop",
    quiet: bool = False,
    form: str = AUTO,
    typed: bool = False,
    cache: bool = True,
) -> AnnotatedSet:
    """Do the same with all that can be asked; form: name or, where it was typed, dotted path of a format, or "auto".

    cache: use what is kept of a large annotation file, or keep it, see `kept`.
    """
    require([asked.path], [] if asked.images is None else [asked.images])
    module, path = format_of(asked.path, form, typed)
    asked, problems = asked._replace(path=path), Problems(str(path), on_error)
    file = module.one_file(asked) if cache and hasattr(module, "one_file") else None
    read_all = partial(_checked, module, asked, problems)
    found = kept.through(file, asked, on_error, module.__name__, read_all) if file else read_all()
    if not quiet:
        found.problems.tell()
    return found


def _checked(module: Any, asked: Asked, problems: Problems) -> AnnotatedSet:
    return checked(module.parse(asked, problems), problems)


def format_of(path: Path, form: str = AUTO, typed: bool = False) -> tuple[Any, Path]:
    """Path that exists -> (its format, the path itself or the folder inside it that is the set, as archives unpack).

    Raises ValueError where no format recognises it, or more than one does.
    """
    if form != AUTO:
        found = registry.find("data format", form, FORMATS, "cornernet.data.sources", typed)
        return (sys.modules[found.__module__] if callable(found) else found), path
    path = unpacked(path)
    names = [name for name, module in FORMATS.items() if module.recognises(path)]
    if len(names) > 1:
        cure = f"name the file or folder that you mean, or say data.format={names[0]}"
        raise ValueError(f"{path} looks like {' and like '.join(names)}: {cure}")
    if names:
        return FORMATS[names[0]], path
    raise ValueError(f"{path} {strange(path)}; data.format takes {', '.join(FORMATS)}")


def holds(path: Path, split: str, form: str = AUTO, typed: bool = False) -> bool:
    """Whether a path holds this split beside another, so that it need not be named twice."""
    module, inside = format_of(path, form, typed)
    return hasattr(module, "splits") and split in module.splits(inside)
