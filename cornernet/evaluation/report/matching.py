"""Which detection is of which object, and what follows: confusions, and how good every image came out.

The COCO figures match class by class, so they cannot say that a cat was taken for a dog. Here the detections of a
image take their objects whatever the class, the best score first: each takes the free object that it overlaps most,
if the IoU is 0.5 or more, and of equal overlaps one of its own class. A detection that is left and of which half or
more lies in a crowd of its class counts for nothing, as in the COCO figures. Leaving out the detections below some
score leaves the pairs of the others as they are.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cornernet.evaluation.matching import IGNORED, NOTHING, taken
from cornernet.evaluation.report.images import Image, objects
from cornernet.prediction import Least, of_labels

LEAST_IOU = 0.5
BACKGROUND = NOTHING


class Tally(NamedTuple):
    """How an image came out, of the detections from some score on."""

    right: int  # objects found under their class
    wrong: int  # detections of no object, or under another class
    missed: int  # objects without a detection, or under another class

    @property
    def f1(self) -> float:
        """2 right / (2 right + wrong + missed), 1 where there was nothing to find and nothing was found."""
        total = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / total if total else 1.0


def match(image: Image) -> np.ndarray:
    """Row of the object that each detection takes, BACKGROUND or IGNORED, [d] int64."""
    from pycocotools import mask  # slow to import, needed only here

    if not len(image.found) or not len(image.boxes):
        return np.full(len(image.found), BACKGROUND, np.int64)
    same = image.found_labels[:, None] == image.labels
    overlap = mask.iou(image.found, image.boxes, image.crowd.astype(np.uint8))  # crowds: share of the detection
    hidden = (overlap * (same & image.crowd) >= LEAST_IOU).any(1)
    overlap[:, image.crowd] = 0
    partner = taken(overlap, same, LEAST_IOU)
    return np.where((partner == BACKGROUND) & hidden, IGNORED, partner)


def confusion(images: Sequence[Image], partners: Sequence[np.ndarray], classes: int, least: Least) -> np.ndarray:
    """Counts [K + 1, K + 1] int64 of what was annotated (row) and what was found (column), of those shown.

    The last row is of detections without an object, the last column of objects without a detection.
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for image, partner in zip(images, partners, strict=True):
        kept = shown(image, least) & (partner != IGNORED)
        true = np.append(image.labels, classes)[partner[kept]]  # BACKGROUND reads the last
        np.add.at(counts, (true, image.found_labels[kept]), 1)
        left = np.setdiff1d(objects(image), partner[kept])
        np.add.at(counts, (image.labels[left], classes), 1)
    return counts


def correct(image: Image, partner: np.ndarray) -> np.ndarray:
    """Whether each detection has an object and its class, [d] bool."""
    return (partner >= 0) & (np.append(image.labels, BACKGROUND)[np.maximum(partner, -1)] == image.found_labels)


def shown(image: Image, least: Least) -> np.ndarray:
    """Whether each detection reaches the score, of all or of its class, [d] bool."""
    return image.scores >= of_labels(least, image.found_labels)


def tally(image: Image, partner: np.ndarray, least: Least) -> Tally:
    """Count of an image, over the detections that reach the score, of all or of their class."""
    kept = shown(image, least) & (partner != IGNORED)
    right = int((correct(image, partner) & kept).sum())
    return Tally(right, int(kept.sum()) - right, len(objects(image)) - right)


def condensed(counts: np.ndarray, keep: Sequence[int]) -> np.ndarray:
    """Confusions [K + 1, K + 1] -> those of the classes to keep, in their order, the sum of the others, background."""
    classes = len(counts) - 1
    group = np.full(classes + 1, len(keep))
    group[list(keep)] = np.arange(len(keep))
    group[classes] = len(keep) + 1
    small = np.zeros((len(keep) + 2, len(keep) + 2), counts.dtype)
    np.add.at(small, (group[:, None], group), counts)
    return small
