"""The loop in which detections take objects, the best first.

Two rules rest on it, and they differ on purpose: the report's (`report.matching`) pairs whatever the class and leaves
out what lies in crowds, so that a cat can be taken for a dog; the diagnosis' (`diagnosis.missed`) pairs class by class,
as the COCO figures do that it explains.
"""

import numpy as np

NOTHING = -1


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
