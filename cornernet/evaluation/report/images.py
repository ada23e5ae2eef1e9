"""What is annotated and what was found, image by image."""

from typing import NamedTuple

import numpy as np

from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found


class Image(NamedTuple):
    """Objects and detections of one image; boxes in original pixels."""

    name: str  # file name, or the id where there is none
    boxes: np.ndarray  # [n, 4] float64, x y width height of the annotated objects, crowds among them
    labels: np.ndarray  # [n] int64, place of the category
    areas: np.ndarray  # [n] float64, square pixels as annotated, of the box where that is missing
    crowd: np.ndarray  # [n] bool
    found: np.ndarray  # [d, 4] float64, x y width height of the detections, best first
    found_labels: np.ndarray  # [d] int64
    scores: np.ndarray  # [d] float64, descending


def by_image(truth: Truth, found: Found) -> list[Image]:
    """Truth and the detections in its terms -> one Image an image, in the order of the file."""
    best = np.lexsort((-found.scores, found.images))
    count = len(truth.image_ids)
    own, seen = _rows(truth.images, np.argsort(truth.images, kind="stable"), count), _rows(found.images, best, count)
    return [
        Image(
            name, truth.boxes[rows], truth.labels[rows], truth.areas[rows], truth.crowd[rows],
            found.boxes[places], found.labels[places], found.scores[places],
        )
        for name, rows, places in zip(truth.names, own, seen, strict=True)
    ]  # fmt: skip


def objects(image: Image) -> np.ndarray:
    """Rows of the annotated objects that are no crowds, [m] int64."""
    return np.flatnonzero(~image.crowd)


def _rows(images: np.ndarray, order: np.ndarray, count: int) -> list[np.ndarray]:
    """Images [N] of entries and an order by image -> the entries of each of `count` images, in that order."""
    return np.split(order, np.searchsorted(images[order], np.arange(1, count))) if count else []
