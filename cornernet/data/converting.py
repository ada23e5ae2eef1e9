"""A set of files in any format -> the same set in one that other programs read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cornernet.config import Data, Split, Validation
from cornernet.data.annotations import AnnotatedSet
from cornernet.data.build import build_source
from cornernet.data.labelled import Labelled
from cornernet.data.opening import holds
from cornernet.data.placing import names, place
from cornernet.data.writing import WRITERS, write_labels
from cornernet.system.wording import counted

NEGLIGIBLE = 1.0  # square pixels by which an area may differ from its box's


class Converted(NamedTuple):
    """What was written."""

    folder: Path
    form: str
    splits: dict[str, AnnotatedSet]  # "train" and, where there is one, "val", as they were read
    placed: Counter[str]  # hard links, symbolic links and copies of images
    renamed: int  # images whose name, folders aside, is another now
    lost: list[str]  # what the format cannot say, for people


def convert(
    source: str | Path, out: str | Path, form: str = "coco", *, share: float = 0.0, split_by: str = "",
    images: str | Path | None = None, link: bool = True,
) -> Converted:  # fmt: skip
    """Write a set, a file or folder in any format that is read, into a folder in the format `form`.

    share: of the images that are held out for validation, where the set has none; split_by as data.split_by. images:
    folder of the images, if they are not found. link: link the image files, and copy only what cannot be linked. Bad
    records are left out and counted in the problems of the sets. Raises ValueError for a folder that holds something,
    and as `build_source` does.
    """
    out = Path(out)
    if form not in WRITERS:
        raise ValueError(f"format must be {' or '.join(WRITERS)}, got {form!r}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} must be a new or an empty folder, and holds something")
    splits = _read(Path(source), images, share, split_by)
    placed, renamed, parts, taken = Counter[str](), 0, dict[str, list[Labelled]](), set[str]()
    for split, part in splits.items():
        taken = taken if WRITERS[form].ONE_FOLDER else set()
        new = names((record.file_name for record in part.records), taken)
        renamed += sum(Path(record.file_name).name != name for record, name in zip(part.records, new, strict=True))
        placed += _placed(part, new, out / WRITERS[form].IMAGES.format(split=split), link)
        parts[split] = list(labelled(part, new))
    train = splits["train"]
    write_labels(out, form, parts, train.class_names, train.category_ids)  # last: what breaks off is no set
    return Converted(out, form, splits, placed, renamed, list(_lost(form, splits)))


def labelled(source: AnnotatedSet, file_names: list[str]) -> Iterator[Labelled]:
    """Set and new names of its images -> each image with all its objects."""
    o = source.objects
    for i, (record, name) in enumerate(zip(source.records, file_names, strict=True)):
        rows = slice(int(o.start[i]), int(o.start[i + 1]))
        boxes = np.concatenate([o.bbox[rows, :2], o.bbox[rows, :2] + o.bbox[rows, 2:]], 1)
        masks = {row - rows.start: o.segmentation[row] for row in range(rows.start, rows.stop) if row in o.segmentation}
        about = record._replace(file_name=name)
        yield Labelled(about, boxes, o.labels[rows], None, o.iscrowd[rows], o.area[rows], masks)


def _read(path: Path, images: str | Path | None, share: float, split_by: str) -> dict[str, AnnotatedSet]:
    """The splits that a path holds, or that are made of it."""
    train = Split("" if images is None else str(Path(images).absolute()), str(path.absolute()))
    data = Data(train=train, val=Validation(split=share), split_by=split_by)
    try:
        return _splits(data, path)
    except ValueError:  # bad records; a set without them is carried over whole, boxes given twice and all
        return _splits(replace(data, on_error="skip"), path)


def _splits(data: Data, path: Path) -> dict[str, AnnotatedSet]:
    found = {"train": build_source(data, "train", quiet=True)}
    if data.val.split or holds(path, "val"):
        ids, classes = found["train"].category_ids, found["train"].class_names
        found["val"] = build_source(data, "val", ids, classes, quiet=True)
    return {split: part for split, part in found.items() if isinstance(part, AnnotatedSet)}


def _placed(source: AnnotatedSet, new: list[str], folder: Path, link: bool) -> Counter[str]:
    folder.mkdir(parents=True, exist_ok=True)
    pairs = zip(source.records, new, strict=True)
    return Counter(place(source.root / record.file_name, folder / name, link) for record, name in pairs)


def _lost(form: str, splits: dict[str, AnnotatedSet]) -> Iterator[str]:
    """What of the sets the format has no place for."""
    keeps, every, train = WRITERS[form].KEEPS, [part.objects for part in splits.values()], splits["train"]
    crowds = sum(int(o.iscrowd.sum()) for o in every)
    if crowds and "crowds" not in keeps:
        yield f"crowds or difficult objects, which {form} cannot mark and which are left out: {crowds}"
    other = sum(int((abs(o.area - o.bbox[:, 2:].prod(1)) > NEGLIGIBLE)[~o.iscrowd].sum()) for o in every)
    if other:
        areas = "" if "areas" in keeps else " and areas"
        yield f"outlines{areas} of {counted(other, 'object')}: boxes are kept"
    seen = set(np.concatenate([o.labels for o in every]).tolist())
    unseen = [name for label, name in enumerate(train.class_names) if label not in seen]
    if unseen and "classes" not in keeps:
        first = f"{', '.join(unseen[:5])}{', ...' if unseen[5:] else ''}"
        yield f"{counted(len(unseen), 'class')} without an object ({first})"
    if "ids" not in keeps and train.category_ids[-1] > len(train.category_ids):
        yield "the ids of the classes, which have gaps: they are numbered anew"
