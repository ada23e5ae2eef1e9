"""False discovery rate: the share of wrong boxes among those from the score of the best F1 on, at IoU 0.5.

Duan et al.: CenterNet, 2019, arXiv 1904.08189, section 4.3, count it at fixed numbers of boxes; here it is taken where
one would cut. Boxes that lie in a crowd count neither way.
"""

from cornernet.evaluation.best_f1 import best_f1, judged

HIGHER = False
FIGURES = {"FDR": "IoU 0.50, wrong boxes among those from the score of the best F1 on"}


def false_discovery(seen):
    """Return the rate, -1 where no box is right."""
    best, _ = best_f1(seen.truth, seen.found, seen.near)
    right, counts = judged(seen.truth, seen.found, seen.near)
    kept = counts & (seen.found.scores >= best.score)
    if best.f1 <= 0 or not kept.any():
        return {"FDR": -1.0}
    return {"FDR": float((~right[kept]).mean())}
