"""The score from which on detections are best kept: that of the largest F1 at IoU 0.5, of each class and of all.

A detection is right if it takes an object of its class, as COCO matches: the best first, each the free object that it
overlaps most. One that takes none and lies in a crowd of its class to a half or more counts for nothing.
"""

import itertools
from typing import NamedTuple

import numpy as np

from cornernet.evaluation.matching import IGNORED, LEAST_IOU, Near, matches, overlapping
from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found

NONE = -1.0  # as COCO has it where there is nothing to measure with


class Best(NamedTuple):
    """The largest F1 and the score from which on it is reached."""

    f1: float  # in [0, 1]; NONE without objects
    score: float  # halfway between the last detection that is kept and the next; NONE where none is right
    precision: float = NONE  # of the detections from that score on; 0 where none is right
    recall: float = NONE  # of the objects


def best_f1(truth: Truth, found: Found, near: Near | None = None) -> tuple[Best, list[Best]]:
    """Truth and the detections in its terms, and what of both is near -> (of all together, of each class)."""
    near = overlapping(truth, found) if near is None else near
    right, counts = judged(truth, found, near)
    objects = np.bincount(truth.labels[~truth.crowd], minlength=len(truth.category_ids))
    pooled = near.order[counts[near.order]]
    labels = found.labels[pooled].astype(np.min_scalar_type(len(objects)))  # small integers are sorted much faster
    order = pooled[np.argsort(labels, kind="stable")]
    ends = np.searchsorted(found.labels[order], np.arange(len(objects) + 1))
    classes = [order[a:b] for a, b in itertools.pairwise(ends)]
    per_class = [best(found.scores[of], right[of], int(n)) for of, n in zip(classes, objects, strict=True)]
    return best(found.scores[pooled], right[pooled], int(objects.sum())), per_class


def judged(truth: Truth, found: Found, near: Near) -> tuple[np.ndarray, np.ndarray]:
    """Whether each detection is right, and whether it counts, both [D] bool."""
    partner = matches(truth, found, LEAST_IOU, near)
    return partner >= 0, partner != IGNORED


def best(scores: np.ndarray, right: np.ndarray, objects: int) -> Best:
    """Scores, descending, whether each is right, number of objects -> Best; of equal F1 the highest score."""
    if not objects:
        return Best(NONE, NONE)
    if not right.any():
        return Best(0.0, NONE, 0.0, 0.0)
    lower = np.append(scores[1:], 0.0)
    found = np.cumsum(right)
    f1 = 2 * found / (np.arange(1, len(scores) + 1) + objects)
    f1[(lower == scores) & (np.arange(1, len(scores) + 1) < len(scores))] = -1  # equal scores are kept together
    at = int(f1.argmax())
    least, kept = float((scores[at] + lower[at]) / 2), int(found[at])
    return Best(float(f1[at]), least, kept / (at + 1), kept / objects)
