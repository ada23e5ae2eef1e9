"""Which detection takes which object, the best first: all images and classes at once, or one image in a plain loop.

Three rules rest on it, and they differ on purpose: COCO's (`matches`) pairs class by class; AP whatever the class gives
every class the objects of all (`measures.any_class`); the report (`report.matching`) pairs whatever the class and
leaves out what lies in crowds, so that a cat can be taken for a dog.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cornernet.evaluation.truth import Truth, numbers
from cornernet.prediction import Found

NOTHING, IGNORED = -1, -2  # in place of the row of an object
LEAST_IOU = 0.5  # the smallest at which COCO counts
BELOW = 1 - 1e-10  # as COCO has it: equal boxes match at IoU 1 too


class Near(NamedTuple):
    """Pairs of a detection and an object that overlap, and the order of the detections."""

    order: np.ndarray  # [D] int64, rows of all detections, best first; of equal scores as COCO breaks ties
    found: np.ndarray  # [P] int64, row of the detection
    truth: np.ndarray  # [P] int64, row of the object
    overlap: np.ndarray  # [P] float64, IoU; of a crowd the share of the detection

    def of(self, chosen: np.ndarray) -> "Near":
        """Return these of the pairs, by a mask or by their places."""
        return Near(self.order, *(x[chosen] for x in self[1:]))


def taken(overlap: np.ndarray, preferred: np.ndarray, least: float) -> np.ndarray:
    """Overlaps [d, n] of detections, best first, and objects -> the object that each takes, [d] int64, or NOTHING.

    Each takes the free object that it overlaps most, if by `least` or more; of equal overlaps the most preferred
    [d, n], then the first.
    """
    partner, overlap = np.full(len(overlap), NOTHING, np.int64), overlap.copy()
    for row in np.flatnonzero((overlap >= least).any(1)):
        column = max(range(overlap.shape[1]), key=lambda c: (overlap[row, c], preferred[row, c]))
        if overlap[row, column] >= least:
            partner[row], overlap[:, column] = column, -1
    return partner


def overlapping(truth: Truth, found: Found, least: float = LEAST_IOU) -> Near:
    """Pairs of one image, whatever their classes, that overlap by `least` or more."""
    from pycocotools import mask  # slow to import, needed only here

    number = numbers(truth)
    seen, own = number[found.images], number[truth.images]
    rows, objects = np.argsort(seen, kind="stable"), np.argsort(own, kind="stable")
    boxes, others, crowd = found.boxes[rows], truth.boxes[objects], truth.crowd[objects].astype(np.uint8)
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for a, b, c, d in _spans(seen[rows], own[objects]):
        overlap = mask.iou(boxes[a:b], others[c:d], crowd[c:d])
        which = (overlap >= least).nonzero()
        parts.append((which[0] + a, which[1] + c, overlap[which]))
    one, other, overlap = map(np.concatenate, zip(*parts, strict=True))
    order = rows[np.argsort(-found.scores[rows], kind="stable")]
    return Near(order, rows[one], objects[other], overlap)


def _spans(seen: np.ndarray, own: np.ndarray) -> Iterator[list[int]]:
    """Ascending images of detections and objects -> where those of each image that has both begin and end."""
    both = np.intersect1d(seen, own)
    edges = [np.searchsorted(column, both, side) for column in (seen, own) for side in ("left", "right")]
    yield from np.stack(edges, 1).tolist()


def matches(truth: Truth, found: Found, least: float, near: Near | None = None) -> np.ndarray:
    """Row of the truth that each detection takes, [D] int64, NOTHING, or IGNORED where it lies in a crowd of its class.

    Class by class, as COCO does it; of equally good objects the last. near: pairs that overlap by `least` or more.
    """
    near = overlapping(truth, found, min(least, BELOW)) if near is None else near
    same = truth.labels[near.truth] == found.labels[near.found]
    return partners(truth, found, near.of(same), [least])[:, 0].astype(np.int64)


def partners(truth: Truth, found: Found, near: Near, ious: Sequence[float] | np.ndarray) -> np.ndarray:
    """Row of the truth that each detection gets at each IoU, [D, T] int32, or NOTHING, or IGNORED: part of a crowd.

    Detections of one class in an image compete for its objects, those of several do not. near: those that may come
    together.
    """
    least = np.minimum(ious, BELOW)
    partner = np.full((len(found.scores), len(least)), NOTHING, np.int32)  # long: half the memory
    crowd = truth.crowd[near.truth]
    hidden, near = near.of(crowd), near.of(~crowd)
    which, at = (hidden.overlap[:, None] >= least).nonzero()
    partner[hidden.found[which], at] = IGNORED
    slots = near.truth * max(1, len(truth.category_ids)) + found.labels[near.found]  # an object for each class
    _, slots = np.unique(slots, return_inverse=True)
    free = np.ones((len(slots), len(least)), bool)
    for turn in _turns(truth, found, near):
        row, slot = near.found[turn], slots[turn]
        which, at = ((near.overlap[turn, None] >= least) & free[slot] & (partner[row] < 0)).nonzero()
        partner[row[which], at], free[slot[which], at] = near.truth[turn[which]], False
    return partner


def _turns(truth: Truth, found: Found, near: Near) -> list[np.ndarray]:
    """Places in the pairs that are looked at together, in their order: no two are of one class in one image.

    The best detection of each class and image comes first, with the object that it overlaps most, of equal ones the
    last.
    """
    if not len(near.found):
        return []
    group = found.images[near.found] * max(1, len(truth.category_ids)) + found.labels[near.found]
    rank = np.empty(len(near.order), np.int64)
    rank[near.order] = np.arange(len(rank))
    place = group * len(rank) + rank[near.found]
    order = len(place) - 1 - np.lexsort((-near.overlap[::-1], place[::-1]))  # backwards: of equal ones the last
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    turn = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    by_turn = np.argsort(turn, kind="stable")
    return np.split(order[by_turn], np.flatnonzero(np.diff(turn[by_turn])) + 1)
