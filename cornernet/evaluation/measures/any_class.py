"""AP whatever the class: how good the boxes are, were every one of them given its true name.

The detections of each class are matched to the objects of all classes as COCO matches: the best first, each the free
object that it overlaps most. An object gets at most one of every class so. The best of these is right; the others are
further names of the same box and count neither for nor against. What gets no object is wrong, a second box of a class
on one object too. All objects make one curve, read at COCO's 101 recalls: large classes weigh more than in the AP.
"""

import numpy as np

from cornernet.evaluation.matching import NOTHING, partners

HIGHER = True
FIGURES = {
    "AP_any_class": "IoU 0.50:0.95, boxes whatever their class",
    "AP50_any_class": "IoU 0.50, boxes whatever their class",
}
IOUS, RECALLS = np.linspace(0.5, 0.95, 10), np.linspace(0, 1, 101)


def any_class(seen):
    """Return AP and AP50 of the boxes."""
    if seen.truth.crowd.all():
        return dict.fromkeys(FIGURES, -1.0)
    touching = np.zeros(len(seen.found.scores), bool)
    touching[seen.near.found] = True
    ranks = np.flatnonzero(touching[seen.near.order])  # all others are wrong at every IoU
    partner = partners(seen.truth, seen.found, seen.near, IOUS)[seen.near.order[ranks]]
    values = [_ap(column, ranks, seen.truth.crowd) for column in partner.T]
    return dict(zip(FIGURES, (float(np.mean(values)), values[0]), strict=True))


def _ap(partner: np.ndarray, ranks: np.ndarray, crowd: np.ndarray) -> float:
    """Object of detections, best first [R], or NOTHING or IGNORED, their ranks among all [R], which objects are crowds.

    -> AP at 101 recalls.
    """
    hit, first = np.flatnonzero(partner >= 0), np.full(len(crowd), -1)
    first[partner[hit][::-1]] = hit[::-1]  # of several the last that is written, so the best
    right = np.zeros(len(partner), bool)
    right[first[first >= 0]] = True
    uncounted = np.cumsum(~right & (partner != NOTHING))
    hits = np.arange(1, right.sum() + 1)
    precision = np.maximum.accumulate((hits / (ranks + 1 - uncounted)[right])[::-1])[::-1]
    return float(np.append(precision, 0)[np.searchsorted(hits / (~crowd).sum(), RECALLS)].mean())
