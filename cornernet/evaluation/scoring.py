"""COCO figures of predictions: precision and recall by a library (backends), the figures from them.

Nothing here makes a dict a row; what could only be a mistake was refused when detections were put in the truth's terms.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cornernet.evaluation.backends import Backend, Curves, curves
from cornernet.evaluation.best_f1 import best_f1
from cornernet.evaluation.evaluated import Evaluated
from cornernet.evaluation.image_f1 import image_f1
from cornernet.evaluation.measure import Measure, figures_of
from cornernet.evaluation.measures import MEASURES
from cornernet.evaluation.metrics import FIGURES, USUAL, ClassMetrics, Metrics, recall_at
from cornernet.evaluation.truth import Truth, from_coco, placed
from cornernet.prediction import Found, from_results


class Score(NamedTuple):
    """The figures and what they are means of."""

    metrics: Metrics
    precision: np.ndarray  # [T IoUs, R recalls, K classes, A areas, M limits] float64, -1 where there is no object


def coco_metrics(
    ground_truth: dict[str, Any], results: list[dict[str, Any]], backend: Backend = "auto", limit: int = USUAL
) -> Metrics:
    """Figures of predictions in COCO's results format against a COCO annotation file's content; neither is changed.

    Raises ValueError as `from_coco`, `placed` and `score` do.
    """
    truth = from_coco(ground_truth)
    return score(truth, placed(from_results(results), truth), backend, limit=limit).metrics


def score(
    truth: Truth,
    found: Found,
    backend: Backend = "auto",
    measures: Mapping[str, Measure] = MEASURES,
    limit: int = USUAL,
) -> Score:
    """Score detections against the truth in whose terms they are, see `placed`.

    Ties in score are broken as pycocotools breaks them: by image id, then by their order. measures: the metrics, COCO's
    among them. limit: detections of a class in an image that count, the best. Raises ValueError for a backend that is
    not installed and a metric that fails.
    """
    found = within(found, limit)
    limits = sorted({1, min(10, limit), min(USUAL, limit), limit})
    run = curves(truth, found, limits, backend)
    seen = Evaluated(truth, found, *run, _stats(run, limits), limit)
    return Score(_summary(seen, measures), seen.precision)


def within(found: Found, limit: int) -> Found:
    """Detections without those of a class in an image beyond its `limit` best; of equal scores the first are kept."""
    if not len(found.images) or np.bincount(found.images).max() <= limit:
        return found
    group = found.images * max(1, len(found.category_ids)) + found.labels
    order = np.lexsort((-found.scores, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    kept = np.sort(order[rank < limit])
    return Found(*found[:2], *(column[kept] for column in found[2:]))


def _stats(run: Curves, limits: Sequence[int]) -> list[float]:
    """COCO's twelve figures, in the order of FIGURES; all but the AR of fewer detections at the last limit."""
    mean, precision, recall = Evaluated.mean, run.precision[..., -1], run.recall
    few = [mean(recall[:, :, 0, limits.index(min(count, limits[-1]))]) for count in (1, 10, USUAL)]
    tight = [mean(precision[..., 0]), mean(precision[:1, ..., 0]), mean(precision[5:6, ..., 0])]
    sizes = range(1, precision.shape[-1])
    return [*tight, *(mean(precision[..., a]) for a in sizes), *few, *(mean(recall[:, :, a, -1]) for a in sizes)]


def _summary(seen: Evaluated, measures: Mapping[str, Measure]) -> Metrics:
    truth, found, classes = seen.truth, seen.found, len(seen.truth.category_ids)
    objects = np.bincount(truth.labels[~truth.crowd], minlength=classes).tolist()
    detections = np.bincount(found.labels, minlength=classes).tolist()
    overall, best = best_f1(truth, found, seen.near)
    per_class = [
        ClassMetrics(
            name, seen.mean(p[:, :, 0, -1]), seen.mean(p[:1, :, 0, -1]), objects[k], detections[k],
            truth.category_ids[k], *best[k],
        )
        for k, (name, p) in enumerate(zip(truth.class_names, seen.precision.transpose(2, 0, 1, 3, 4), strict=True))
    ]  # fmt: skip
    figures = figures_of(seen, measures)
    named = {name: figures.pop(name).value for name in (*FIGURES, "AP90")}
    beyond = [recall_at(seen.limit, seen.mean(seen.recall[:, :, 0, -1]))] if seen.limit > USUAL else []
    return Metrics(
        **named, images=len(truth.image_ids),
        objects=sum(objects), detections=len(found.scores), per_class=per_class, unreadable=0,
        best_f1=overall.f1, best_f1_threshold=overall.score, best_f1_precision=overall.precision,
        best_f1_recall=overall.recall,
        own=[*beyond, *figures.values()], max_per_image=seen.limit,
        image_f1=image_f1(truth, found, seen.near, overall, best),
    )  # fmt: skip
