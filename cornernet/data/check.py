"""What a data set holds and what is odd about it, beyond the records that its reader checks: images and splits."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cornernet.data.contents import Contents, name
from cornernet.data.depths import AUTO
from cornernet.data.images import Fault, examine
from cornernet.data.looks import converted, decoded, misnamed, turned
from cornernet.data.problems import Finding, short
from cornernet.data.source import Source
from cornernet.system.progress import following
from cornernet.system.wording import counted

MOSTLY = 0.5  # share of crowds from which on they are told
UNREADABLE = "blank in training, its objects missed in validation"
NAMED = 5  # classes without objects, or images that were left blank, that are named


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
        return merged(finding for several in found for finding in several)
    finally:
        pool.shutdown(cancel_futures=True)  # at Ctrl-C what is queued must not be waited for


def image(source: Source, i: int, decode: bool = False) -> list[Finding]:
    """One image -> why it cannot be used, or what is done to use it and what is odd about it."""
    record = source.record(i)
    path, depth = (source.root or Path()) / record.file_name, getattr(source, "bit_depth", AUTO)
    where = short(f"image {record.image_id!r}: {path}")
    try:
        with path.open("rb") as stream:
            seen = examine(stream, record.width, record.height)
            stream.seek(0)
            head = stream.read(4)
        found = seen if isinstance(seen, Fault) or not decode else decoded(path, seen, record, depth)
    except OSError as error:
        seen = found = Fault("file that cannot be opened", f"cannot be opened: {error.strerror or error}")
    if isinstance(seen, Fault) or isinstance(found, Fault):
        fault = found if isinstance(found, Fault) else seen
        assert isinstance(fault, Fault)
        return [Finding(fault.kind, 1, short(f"{where} {fault.reason}"), UNREADABLE, bad=True)]
    odd = [*misnamed(path, head), *turned(seen, record), *converted(seen, depth)]
    odd += found if isinstance(found, list) else []
    return [Finding(kind, 1, where + note, outcome) for kind, note, outcome in dict.fromkeys(odd)]


def crowding(source: Source, held: Contents, max_objects: int) -> list[Finding]:
    """Training images with more objects than there are slots."""
    counts = held.per_image()
    full = np.flatnonzero(counts > max_objects)
    if not len(full):
        return []
    example = f"{name(source, full[0])} has {counts[full[0]]} objects, data.max_objects is {max_objects}"
    lost = int((counts[full] - max_objects).sum())
    return [Finding("image with too many objects", len(full), example, f"{counted(lost, 'object')} cut in all")]


def crowds(source: Source, held: Contents) -> list[Finding]:
    """Half of the objects or more marked as crowds, as exports of brush masks mark each of them."""
    share = held.crowds / max(1, held.crowds + len(held.boxes))
    if share < MOSTLY:
        return []
    what = f"{held.crowds} of {held.crowds + len(held.boxes)} objects ({share:.0%}) are crowds (iscrowd, or difficult)"
    return [Finding("mostly crowds", held.crowds, what, "not trained on, and no mistake if they are found")]


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


def absent(train: Source, train_held: Contents, val_held: Contents) -> list[Finding]:
    """Classes without objects in training and in validation, of a set of files; those of `unseen` have some there."""
    if train.root is None:
        return []
    used = np.union1d(train_held.labels, val_held.labels)
    none = np.setdiff1d(np.arange(len(train.class_names)), used)
    if not len(used):
        return []
    return _lacking(train, none, "class without objects", "has no objects", "cannot be learned")


def unmeasured(val: Source, val_held: Contents, train_held: Contents) -> list[Finding]:
    """A validation set of files that has objects, but none of a class that is trained on."""
    if val.root is None or not len(val_held.labels):
        return []
    none = np.setdiff1d(train_held.labels, val_held.labels)
    return _lacking(val, none, "class without objects", "has none in validation", "its AP is not measured")


def _lacking(source: Source, labels: Iterable[int], kind: str, what: str, outcome: str) -> list[Finding]:
    names = [repr(source.class_names[label]) for label in labels]
    if not names:
        return []
    others = f"; others are {', '.join(names[1:NAMED])}" if len(names) > 1 else ""
    more = ", ..." if len(names) > NAMED else ""
    return [Finding(kind, len(names), short(f"{names[0]} {what}{others}{more}"), outcome)]


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


def summary(sources: Sequence[Source], blank: Sequence[str] = ()) -> list[str]:
    """What was left out or changed of each source, and which images were blank in training, one line each."""
    lines = dict.fromkeys(s.problems.summary() for s in sources)
    if blank:
        names = ", ".join(map(short, blank[:NAMED])) + (", ..." if len(blank) > NAMED else "")
        which = f"{counted(len(blank), 'image')}: {names} (data.on_error=skip)"
        lines[f"left blank in training, since they could not be read: {which}"] = None
    return [line for line in lines if line]
