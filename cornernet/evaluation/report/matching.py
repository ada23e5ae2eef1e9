"""Which detection is of which object, and what follows: confusions, and how good every picture came out.

The COCO figures match class by class, so they cannot say that a cat was taken for a dog. Here the detections of a
picture take their objects whatever the class, the best score first: each takes the free object that it overlaps most,
if the IoU is 0.5 or more, and of equal overlaps one of its own class. A detection that is left and of which half or
more lies in a crowd of its class counts for nothing, as in the COCO figures. Leaving out the detections below some
score leaves the pairs of the others as they are.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cornernet.evaluation.report.pictures import Picture, objects

LEAST_IOU = 0.5
BACKGROUND, IGNORED = -1, -2  # in place of the row of an object


class Tally(NamedTuple):
    """How a picture came out, of the detections from some score on."""

    right: int  # objects found under their class
    wrong: int  # detections of no object, or under another class
    missed: int  # objects without a detection, or under another class

    @property
    def f1(self) -> float:
        """2 right / (2 right + wrong + missed), 1 where there was nothing to find and nothing was found."""
        total = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / total if total else 1.0


def match(picture: Picture) -> np.ndarray:
    """Row of the object that each detection takes, BACKGROUND or IGNORED, [d] int64."""
    from pycocotools import mask  # slow to import, needed only here

    partner = np.full(len(picture.found), BACKGROUND, np.int64)
    if not len(picture.found) or not len(picture.boxes):
        return partner
    same = picture.found_labels[:, None] == picture.labels
    overlap = mask.iou(picture.found, picture.boxes, picture.crowd.astype(np.uint8))  # crowds: share of the detection
    partner[(overlap * (same & picture.crowd) >= LEAST_IOU).any(1)] = IGNORED
    overlap[:, picture.crowd] = 0
    for row in np.flatnonzero(overlap.max(1) >= LEAST_IOU):
        column = max(range(overlap.shape[1]), key=lambda c: (overlap[row, c], same[row, c]))
        if overlap[row, column] >= LEAST_IOU:
            partner[row], overlap[:, column] = column, 0
    return partner


def confusion(pictures: Sequence[Picture], partners: Sequence[np.ndarray], classes: int, score: float) -> np.ndarray:
    """Counts [K + 1, K + 1] int64 of what was annotated (row) and what was found (column), from a score on.

    The last row is of detections without an object, the last column of objects without a detection.
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for picture, partner in zip(pictures, partners, strict=True):
        kept = (picture.scores >= score) & (partner != IGNORED)
        true = np.append(picture.labels, classes)[partner[kept]]  # BACKGROUND reads the last
        np.add.at(counts, (true, picture.found_labels[kept]), 1)
        left = np.setdiff1d(objects(picture), partner[kept])
        np.add.at(counts, (picture.labels[left], classes), 1)
    return counts


def correct(picture: Picture, partner: np.ndarray) -> np.ndarray:
    """Whether each detection has an object and its class, [d] bool."""
    return (partner >= 0) & (np.append(picture.labels, BACKGROUND)[np.maximum(partner, -1)] == picture.found_labels)


def tally(picture: Picture, partner: np.ndarray, score: float) -> Tally:
    """Count of a picture, over the detections from a score on."""
    kept = (picture.scores >= score) & (partner != IGNORED)
    right = int((correct(picture, partner) & kept).sum())
    return Tally(right, int(kept.sum()) - right, len(objects(picture)) - right)


def detections(pictures: Sequence[Picture], partners: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All detections that count -> their scores, descending, and whether they are right, both [D]."""
    kept = [partner != IGNORED for partner in partners]
    scores = [picture.scores[keep] for picture, keep in zip(pictures, kept, strict=True)]
    right = [correct(picture, partner)[keep] for picture, partner, keep in zip(pictures, partners, kept, strict=True)]
    scores, right = np.concatenate([np.zeros(0), *scores]), np.concatenate([np.zeros(0, bool), *right])
    order = np.argsort(-scores, kind="stable")
    return scores[order], right[order]


def condensed(counts: np.ndarray, keep: Sequence[int]) -> np.ndarray:
    """Confusions [K + 1, K + 1] -> those of the classes to keep, in their order, the sum of the others, background."""
    classes = len(counts) - 1
    group = np.full(classes + 1, len(keep))
    group[list(keep)] = np.arange(len(keep))
    group[classes] = len(keep) + 1
    small = np.zeros((len(keep) + 2, len(keep) + 2), counts.dtype)
    np.add.at(small, (group[:, None], group), counts)
    return small
