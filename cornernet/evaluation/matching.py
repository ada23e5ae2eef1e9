"""The loop in which detections take objects, the best first.

Two rules rest on it, and they differ on purpose: the report's (`report.matching`) pairs whatever the class and leaves
out what lies in crowds, so that a cat can be taken for a dog; the diagnosis' (`diagnosis.missed`) pairs class by class,
as the COCO figures do that it explains.
"""

from collections.abc import Iterator

import numpy as np

from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found

NOTHING, IGNORED = -1, -2  # in place of the row of an object


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


def matches(truth: Truth, found: Found, least: float) -> np.ndarray:
    """Row of the truth that each detection takes, [D] int64, NOTHING, or IGNORED where it lies in a crowd of its class.

    Class by class, as COCO does it; of equally good objects the last.
    """
    from pycocotools import mask  # slow to import, needed only here

    partner, least = np.full(len(found.scores), NOTHING, np.int64), min(least, 1 - 1e-10)
    for rows, objects in _together(truth, found):
        crowd = truth.crowd[objects]
        overlap = mask.iou(found.boxes[rows], truth.boxes[objects], crowd.astype(np.uint8))
        hidden = (overlap[:, crowd] >= least).any(1)  # of a crowd it is the share of the detection
        overlap[:, crowd] = 0
        own = taken(overlap, np.broadcast_to(np.arange(len(objects)), overlap.shape), least)
        partner[rows] = np.where(own != NOTHING, objects[own], np.where(hidden, IGNORED, NOTHING))
    return partner


def _together(truth: Truth, found: Found) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of the detections, best first, and of the objects of each class on each image that has both."""
    classes = max(1, len(truth.category_ids))
    seen, own = found.images * classes + found.labels, truth.images * classes + truth.labels
    by_seen, by_own = np.lexsort((-found.scores, seen)), np.argsort(own, kind="stable")
    both = np.intersect1d(seen, own)
    edges = [np.searchsorted(keys, both, side) for keys in (seen[by_seen], own[by_own]) for side in ("left", "right")]
    for a, b, c, d in np.array(edges).T:
        yield by_seen[a:b], by_own[c:d]
