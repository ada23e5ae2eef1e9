"""What a data set holds and what is odd about it, beyond the records that its reader checks: images and splits."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cornernet.data.contents import Contents, name
from cornernet.data.images import Fault, examine, load
from cornernet.data.problems import Finding, short
from cornernet.data.source import Source
from cornernet.system.progress import following

UNREADABLE = "blank in training, its objects missed in validation"
TURNED = "turned upright, as its boxes are"
CONVERTED = {"16-bit": "reduced to 8 bits", "alpha": "alpha dropped"}  # all others: CONVERSION
CONVERSION = "made three channels of colour"


def images(source: Source, decode: bool = False, most: int | None = None, progress: bool = False) -> list[Finding]:
    """Look at the images of a set on disk -> what was found.

    Of each the size, the kind and both ends of the file are read, or with `decode` all of it. most: only so many of
    them, evenly spread. Nothing is found in a set that is drawn.
    """
    if source.root is None:
        return []
    count = len(source) if most is None else min(most, len(source))
    chosen = np.linspace(0, len(source) - 1, count).round().astype(int).tolist()
    pool = ThreadPoolExecutor(os.cpu_count() if decode else 4)
    try:
        looked = pool.map(lambda i: image(source, i, decode), chosen)
        found = following(looked, count, "image", "check", progress and decode)
        return merged(finding for finding in found if finding)
    finally:
        pool.shutdown(cancel_futures=True)  # at Ctrl-C what is queued must not be waited for


def image(source: Source, i: int, decode: bool = False) -> Finding | None:
    """One image -> why it cannot be used, or what is done to use it, or None."""
    record = source.record(i)
    path = (source.root or Path()) / record.file_name
    try:
        with path.open("rb") as stream:
            seen = examine(stream, record.width, record.height)
        if decode and not isinstance(seen, Fault):
            loaded = load(path, record.width, record.height)
            seen = loaded if isinstance(loaded, Fault) else seen
    except OSError as error:
        seen = Fault("file that cannot be opened", f"cannot be opened: {error.strerror or error}")
    where = f"image {record.image_id!r}: {path}"
    if isinstance(seen, Fault):
        return Finding(seen.kind, 1, short(f"{where} {seen.reason}"), UNREADABLE, bad=True)
    if seen.turned and (seen.width, seen.height) != (record.width, record.height):
        return Finding("image stored on its side", 1, short(where), TURNED)
    if seen.trait:
        return Finding(f"{seen.trait} image", 1, short(where), CONVERTED.get(seen.trait, CONVERSION))
    return None


def crowding(source: Source, held: Contents, max_objects: int) -> list[Finding]:
    """Training images with more objects than there are slots."""
    counts = held.per_image()
    full = np.flatnonzero(counts > max_objects)
    if not len(full):
        return []
    example = f"{name(source, full[0])} has {counts[full[0]]} objects, data.max_objects is {max_objects}"
    lost = int((counts[full] - max_objects).sum())
    return [Finding("image with too many objects", len(full), example, f"{lost} objects cut in all")]


def specks(source: Source, held: Contents, scale: Callable[[int, int], float], cell: int) -> list[Finding]:
    """Boxes whose sides both fall short of a cell, seen at the network's input; scale: (width, height) -> factor."""
    factors = np.array([scale(width, height) for width, height in held.sizes.tolist()])[held.image]
    sides = (held.boxes[:, 2:] - held.boxes[:, :2]) * factors[:, None]
    small = np.flatnonzero((sides < cell).all(1))
    if not len(small):
        return []
    width, height = sides[small[0]]
    seen = f"{width:.3g}x{height:.3g} pixels at the network's input, a cell is {cell}"
    example = f"a box of {name(source, held.image[small[0]])} is {seen}"
    return [Finding("box smaller than a cell", len(small), example, "used, but hardly to be found")]


def unseen(train: Source, train_held: Contents, val_held: Contents) -> list[Finding]:
    """Classes with objects in validation and none in training; both sets have the training classes."""
    counts = [np.bincount(held.labels, minlength=len(train.class_names)) for held in (train_held, val_held)]
    new = np.flatnonzero((counts[0] == 0) & (counts[1] > 0))
    if not len(new):
        return []
    example = f"{train.class_names[new[0]]!r} has {counts[1][new[0]]} objects in validation, none in training"
    return [Finding("class without training objects", len(new), short(example), "scored, but cannot be found")]


def shared(train: Source, val: Source) -> list[Finding]:
    """Images that both splits name."""
    if train.root is None or val.root is None:
        return []
    names, others = ([source.record(i).file_name for i in range(len(source))] for source in (train, val))
    both = set(names) & set(others)
    if not both:
        return []
    first = next(name for name in others if name in both)
    if train.root.resolve() == val.root.resolve():
        return [Finding("image in both splits", len(both), short(first), "used: validation will flatter")]
    example = f"{train.root / first} and {val.root / first}"
    return [Finding("file name in both splits", len(both), short(example), "used; mind that they differ")]


def merged(findings: Iterator[Finding]) -> list[Finding]:
    """Findings of single cases -> one of each kind with their number, in the order of first sight."""
    kinds: dict[str, Finding] = {}
    for found in findings:
        before = kinds.get(found.kind)
        kinds[found.kind] = found if before is None else before._replace(count=before.count + found.count)
    return list(kinds.values())


def summary(sources: Sequence[Source], blank: int = 0) -> list[str]:
    """What was left out or changed of each source, and images that were blank in training, one line each."""
    lines = dict.fromkeys(s.problems.summary() for s in sources)
    if blank:
        lines[f"left blank in training, since they could not be read: {blank} images (data.on_error=skip)"] = None
    return [line for line in lines if line]
