"""How each image of a set came out: its F1 at IoU 0.5, of the detections that are drawn by default."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cornernet.evaluation.best_f1 import Best, judged
from cornernet.evaluation.matching import Near
from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found, Thresholds, drawn, of_labels


def image_f1(truth: Truth, found: Found, near: Near, overall: Best, per_class: Sequence[Best]) -> dict[Any, float]:
    """Truth, detections in its terms, what of both is near, best F1 of all and of each class -> image id -> F1.

    Of the detections from the score of their class's best F1 on; 1 where nothing is annotated and nothing is found.
    """
    least = of_labels(drawn(None, Thresholds(overall.score, [best.score for best in per_class])), found.labels)
    right, counts = judged(truth, found, near)
    kept, images = counts & (found.scores >= least), len(truth.image_ids)
    hits, shown = (np.bincount(found.images[x], minlength=images) for x in (kept & right, kept))
    total = np.bincount(truth.images[~truth.crowd], minlength=images) + shown
    f1 = np.where(total > 0, 2 * hits / np.maximum(total, 1), 1.0)
    return dict(zip(truth.image_ids, f1.tolist(), strict=True))
