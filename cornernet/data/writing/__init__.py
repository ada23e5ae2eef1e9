"""Annotations as texts in the formats that others read: a file a format; its name is what `format=<name>` takes.

A format declares

    files(parts, class_names, category_ids) -> Iterator[tuple[str, str]]
        {"train": [Labelled, ...], "val": [...]}, the names of the labels and, or None, their ids -> each file: its
        path in the folder of the set and its text
    IMAGES: str             folder of the images in that of the set; {split} in it stands for "train" or "val"
    ONE_FOLDER: bool        whether train and val share that folder, so that no two of their images may have one name
    KEEPS: frozenset[str]   what it can say beside boxes and names of classes: "crowds", "areas" that are not those of
                            the boxes, "classes" also where they have no object, and their "ids"

and, where it has a file an image, `text(image, class_names) -> str`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from cornernet.data.labelled import Labelled
from cornernet.registry import modules
from cornernet.system import writing

WRITERS: dict[str, ModuleType] = modules(__name__, __path__)
DECLARED = ("files", "IMAGES", "ONE_FOLDER", "KEEPS")

for _name, _found in WRITERS.items():
    if _missing := [name for name in DECLARED if not hasattr(_found, name)]:
        raise ImportError(f"{_found.__file__} must define {', '.join(_missing)}: see {__name__}")


def write_labels(
    folder: str | Path,
    form: str,
    parts: Mapping[str, Sequence[Labelled]],
    class_names: Sequence[str],
    category_ids: Sequence[int] | None = None,
) -> list[Path]:
    """Write the annotations of a set, not its images, into a folder as a format lays them out -> the files.

    parts: "train" or "val" -> images, whose file names are those in the folder of images of that format. category_ids:
    COCO id of each class; None: from 1. Raises ValueError for a format that is not written.
    """
    if form not in WRITERS:
        raise ValueError(f"format must be {' or '.join(WRITERS)}, got {form!r}")
    done = []
    for name, text in WRITERS[form].files(parts, class_names, category_ids):
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing.replacing(path, tidy=False) as temporary:
            temporary.write_bytes(text.encode())
        done.append(path)
    return done
