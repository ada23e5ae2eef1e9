"""What a trained detector found on each validation image, small enough to be committed beside its figures.

A file of NumPy arrays, compressed, below LARGEST bytes: all images with their objects, and of the detections as many
as fit, the highest scores first. With these F1 at any score, and the images on which two trainings differ, are known on
a machine that has neither the checkpoint nor the images.
"""

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cornernet.evaluation import matching, scoring, truth
from cornernet.prediction import Found
from cornernet.system import writing

LARGEST = 195_000  # bytes of a file
UNPACKED = 2**26  # bytes of its arrays that are read
IOU = 0.5  # at which a detection hits an object of its class
HALF = float(np.finfo(np.float16).max)
KINDS = {  # array -> number of axes, and the kinds of NumPy that it may be of
    "images": (1, "U"), "classes": (1, "U"), "objects": (2, "iu"), "image": (1, "iu"), "scores": (1, "f"),
    "labels": (1, "iu"), "hits": (1, "b"), "boxes": (2, "f"),
}  # fmt: skip


class Matches(NamedTuple):
    """Images and their detections, those with the highest scores first."""

    images: np.ndarray  # [I] text, file names
    classes: np.ndarray  # [K] text
    objects: np.ndarray  # [I, K] int, annotated objects of each class, crowds not counted
    image: np.ndarray  # [D] int, place in images
    scores: np.ndarray  # [D] float16
    labels: np.ndarray  # [D] int, place in classes
    hits: np.ndarray  # [D] bool, whether it takes an object at IoU, by COCO's rules
    boxes: np.ndarray  # [D, 4] float16, xyxy, pixels of the image


def collect(known: truth.Truth, found: Found, limit: int) -> Matches:
    """Annotated objects, detections in their terms, and how many of a class in an image count -> Matches, whole.

    Detections that lie in a crowd of their class are neither hits nor misses, and are left out.
    """
    found = scoring.within(found, limit)
    partner = matching.matches(known, found, IOU)
    order = np.argsort(-found.scores, kind="stable")
    order = order[partner[order] != matching.IGNORED]
    objects = np.zeros((len(known.image_ids), len(known.category_ids)), np.int32)
    np.add.at(objects, (known.images[~known.crowd], known.labels[~known.crowd]), 1)
    boxes = np.concatenate([found.boxes[:, :2], found.boxes[:, :2] + found.boxes[:, 2:]], 1)[order]
    return Matches(
        np.array(known.names, str), np.array(known.class_names, str), objects, found.images[order].astype(np.int32),
        found.scores[order].astype(np.float16), found.labels[order].astype(np.int32), partner[order] >= 0,
        boxes.clip(-HALF, HALF).astype(np.float16),
    )  # fmt: skip


def save(matches: Matches, path: Path) -> None:
    """Write a file of at most LARGEST bytes, if need be without the detections of the lowest scores."""
    count = len(matches.scores)
    while len(content := _packed(matches, count)) > LARGEST and count:
        count = int(count * min(0.95, LARGEST / len(content)))
    path.parent.mkdir(parents=True, exist_ok=True)
    writing.write(path, content)


def _packed(matches: Matches, count: int) -> bytes:
    """The file with so many detections."""
    kept = matches._asdict() | {name: getattr(matches, name)[:count] for name in Matches._fields[3:]}
    file = io.BytesIO()
    np.savez_compressed(file, **kept)
    return file.getvalue()


def load(path: Path) -> Matches:
    """Read such a file; raises FileNotFoundError, and ValueError, one sentence, for a file that is something else."""
    try:
        with zipfile.ZipFile(path) as held:
            size = sum(entry.file_size for entry in held.infolist())
        if size > UNPACKED:
            raise ValueError(f"it unpacks to {size} bytes, at most {UNPACKED} are allowed")
        with np.load(path, allow_pickle=False) as arrays:
            found = Matches(*(np.asanyarray(arrays[name]) for name in Matches._fields))
        _check(found)
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged one raises whatever zipfile, zlib and NumPy have, MemoryError too
        raise ValueError(f"{path} does not hold the matches of a comparison: {' '.join(str(error).split())}") from None
    return found


def _check(found: Matches) -> None:
    """Raise ValueError where arrays are not what they are to be or do not belong together."""
    for name, array in found._asdict().items():
        axes, kinds = KINDS[name]
        if array.ndim != axes or array.dtype.kind not in kinds:
            raise ValueError(f"{name} is of {array.dtype} with {array.ndim} axes")
    count, (images, classes) = len(found.scores), found.objects.shape
    lengths = {
        "images": images, "classes": classes, "image": count, "labels": count, "hits": count, "boxes": count,
    }  # fmt: skip
    for name, length in lengths.items():
        if len(getattr(found, name)) != length:
            raise ValueError(f"{name} has {len(getattr(found, name))} entries where {length} are expected")
    if count and (found.boxes.shape[1:] != (4,) or not _within(found.image, images) or
                  not _within(found.labels, classes)):  # fmt: skip
        raise ValueError("a detection is of an image or a class that is not listed, or its box has not four numbers")
    if not (np.isfinite(found.scores).all() and np.isfinite(found.boxes).all()):
        raise ValueError("a score or a box is not finite")
    if (found.objects < 0).any():
        raise ValueError("a class has less than no objects")


def _within(places: np.ndarray, count: int) -> bool:
    return bool((places >= 0).all() and (places < count).all())
