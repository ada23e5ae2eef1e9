"""AP whatever the class: how good the boxes are, were every one of them given its true name.

The detections of each class are matched to the objects of all classes as COCO matches: the best first, each the free
object that it overlaps most. An object gets at most one of every class so. The best of these is right; the others are
further names of the same box and count neither for nor against. What gets no object is wrong, a second box of a class
on one object too. All objects make one curve, read at COCO's 101 recalls: large classes weigh more than in the AP.
"""

from collections.abc import Iterator

import numpy as np

from cornernet.evaluation.matching import IGNORED, NOTHING
from cornernet.evaluation.truth import Truth, ascending
from cornernet.prediction import Found

HIGHER = True
FIGURES = {
    "AP_any_class": "IoU 0.50:0.95, boxes whatever their class",
    "AP50_any_class": "IoU 0.50, boxes whatever their class",
}
IOUS, RECALLS = np.linspace(0.5, 0.95, 10), np.linspace(0, 1, 101)
LIMIT = 100  # detections of a class in an image, as in COCO's AP


def any_class(seen):
    """Return AP and AP50 of the boxes."""
    truth, found = seen.truth, seen.found
    objects = int((~truth.crowd).sum())
    if not objects:
        return dict.fromkeys(FIGURES, -1.0)
    place = np.empty(len(truth.image_ids), np.int64)  # of equal scores COCO takes the image with the lower id first
    place[sorted(range(len(place)), key=lambda i: ascending(truth.image_ids[i]))] = np.arange(len(place))
    order = np.lexsort((place[found.images], -found.scores))
    values = [_ap(partner, objects) for partner in partners(truth, found)[:, order]]
    return dict(zip(FIGURES, (float(np.mean(values)), values[0]), strict=True))


def _ap(partner: np.ndarray, objects: int) -> float:
    """Object of each detection, best first [D], or NOTHING or IGNORED -> AP at 101 recalls."""
    right = np.zeros(len(partner), bool)
    right[np.unique(partner, return_index=True)[1]] = True
    right &= partner >= 0
    hits = np.cumsum(right[right | (partner == NOTHING)])
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(np.append(precision, 0)[np.searchsorted(hits / objects, RECALLS)].mean())


def partners(truth: Truth, found: Found) -> np.ndarray:
    """Row of the truth that each detection gets at each of IOUS, [10, D] int64, or NOTHING.

    IGNORED where it gets none but lies in a crowd, or is beyond the limit.
    """
    from pycocotools import mask  # slow to import, needed only here

    partner = np.full((len(IOUS), len(found.scores)), IGNORED, np.int64)
    for rows, objects in _together(truth, found):
        crowd = truth.crowd[objects]
        partner[:, rows] = NOTHING
        if len(objects):
            overlap = mask.iou(found.boxes[rows], truth.boxes[objects], crowd.astype(np.uint8))
            hidden = overlap[:, crowd].max(1, initial=0) >= IOUS[:, None]  # of a crowd it is the share of the detection
            own = taken(np.where(crowd, 0, overlap))
            partner[:, rows] = np.where(own >= 0, objects[own], np.where(hidden, IGNORED, NOTHING))
    return partner


def taken(overlap: np.ndarray) -> np.ndarray:
    """Overlaps [d, n] of detections, best first, and objects -> the one that each takes at each of IOUS, [10, d].

    `matching.taken` at all of them at once; of equal overlaps the last.
    """
    every = np.arange(len(IOUS))
    partner, free = np.full((len(IOUS), len(overlap)), NOTHING, np.int64), np.ones((len(IOUS), overlap.shape[1]), bool)
    for row in np.flatnonzero((overlap >= IOUS[0]).any(1)):
        left = np.where(free, overlap[row], -1)
        column = left.shape[1] - 1 - left[:, ::-1].argmax(1)
        hit = left[every, column] >= IOUS
        partner[hit, row], free[every[hit], column[hit]] = column[hit], False
    return partner


def _together(truth: Truth, found: Found) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of the best detections of each class on each image, best first, and of all objects there."""
    classes = found.images * max(1, len(truth.category_ids)) + found.labels
    order, own = np.lexsort((-found.scores, classes)), np.argsort(truth.images, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(classes[order])) + 1) if len(order) else []
    images = [found.images[rows[0]] for rows in groups]
    edges = [np.searchsorted(truth.images[own], images, side) for side in ("left", "right")]
    for rows, first, last in zip(groups, *edges, strict=True):
        yield rows[:LIMIT], own[first:last]
