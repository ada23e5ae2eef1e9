"""COCO metrics of predictions, computed by pycocotools, with its traps closed.

pycocotools fails on an empty list of detections, scores a perfect detection of the annotation with id 0 as a miss,
needs keys that many files leave out, and is silent about categories that it does not know. So images, categories and
annotations are renumbered, keys filled in, and what could only be a mistake is refused. Dicts are made for it alone.
"""

import contextlib
import gc
import importlib.util
import io
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from cornernet.evaluation.best_f1 import best_f1
from cornernet.evaluation.evaluated import Evaluated
from cornernet.evaluation.measure import Measure, figures_of
from cornernet.evaluation.measures import MEASURES
from cornernet.evaluation.metrics import FIGURES, ClassMetrics, Metrics
from cornernet.evaluation.truth import Truth, ascending, from_coco, placed
from cornernet.prediction import Found, from_results

Backend = Literal["pycocotools", "faster_coco_eval"]


class Score(NamedTuple):
    """The figures and what they are means of."""

    metrics: Metrics
    precision: np.ndarray  # [T IoUs, R recalls, K classes, A areas, M limits] float64, -1 where there is no object


def coco_metrics(
    ground_truth: dict[str, Any], results: list[dict[str, Any]], backend: Backend = "pycocotools"
) -> Metrics:
    """Figures of predictions in COCO's results format against a COCO annotation file's content; neither is changed.

    Raises ValueError as `from_coco`, `placed` and `score` do.
    """
    truth = from_coco(ground_truth)
    return score(truth, placed(from_results(results), truth), backend).metrics


def score(
    truth: Truth, found: Found, backend: Backend = "pycocotools", measures: Mapping[str, Measure] = MEASURES
) -> Score:
    """Score detections against the truth in whose terms they are, see `placed`.

    Ties in score are broken as pycocotools breaks them: by image id, then by their order. measures: the metrics, COCO's
    among them. Raises ValueError for a backend that is not installed and a metric that fails.
    """
    ids = truth.image_ids
    number = np.empty(len(ids), np.int64)  # pycocotools goes through the images by their numbers
    number[sorted(range(len(ids)), key=lambda i: ascending(ids[i]))] = np.arange(1, len(ids) + 1)
    crowd, none = truth.crowd.astype(int), np.zeros(len(found.scores), int)
    objects = _entries(number[truth.images], truth.labels, truth.boxes, truth.areas, crowd, np.ones(len(crowd)))
    areas = found.boxes[:, 2] * found.boxes[:, 3]
    guesses = _entries(number[found.images], found.labels, found.boxes, areas, none, found.scores)
    with _uncollected():
        run = _run(objects, guesses, len(ids), len(truth.category_ids), backend)
    seen = Evaluated(truth, found, *run)
    return Score(_summary(seen, measures), seen.precision)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for garbage, which python does ever again where pycocotools makes its hundreds of thousands."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _entries(*columns: np.ndarray) -> list[dict[str, Any]]:
    """Image, label, box, area, crowd and score of each entry -> what pycocotools reads.

    Ids are from 1 on, for it reads 0 as 'not matched'.
    """
    return [
        {"id": n, "image_id": i, "category_id": k + 1, "bbox": box, "area": area, "iscrowd": crowd, "score": score}
        for n, (i, k, box, area, crowd, score) in enumerate(zip(*(x.tolist() for x in columns), strict=True), 1)
    ]


def _run(
    truths: list[dict], found: list[dict], images: int, classes: int, backend: Backend
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Precision, recall and the twelve figures, as in `Evaluated`."""
    api, evaluator = _backend(backend)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = [_dataset(api, items, images, classes) for items in (truths, found)]
        run = evaluator(*coco, "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    precision, recall = (np.asarray(run.eval[name]) for name in ("precision", "recall"))
    return precision, recall, [float(x) for x in run.stats[: len(FIGURES)]]


def _backend(name: Backend) -> tuple[type, type]:
    if name == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        return COCO, COCOeval
    if name == "faster_coco_eval":
        if importlib.util.find_spec(name) is None:
            raise ValueError(f"the backend {name} is not installed: pip install faster-coco-eval")
        module = importlib.import_module(name)
        return module.COCO, module.COCOeval_faster
    raise ValueError(f"got backend {name!r}, expected pycocotools or faster_coco_eval")


def _dataset(api: type, items: list[dict], images: int, classes: int) -> Any:
    """Build the reference's dataset object, which keeps the items."""
    dataset = api()
    dataset.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(1, images + 1)],
        "categories": [{"id": i} for i in range(1, classes + 1)],
        "annotations": items,
    }
    dataset.createIndex()
    return dataset


def _summary(seen: Evaluated, measures: Mapping[str, Measure]) -> Metrics:
    truth, found, classes = seen.truth, seen.found, len(seen.truth.category_ids)
    objects = np.bincount(truth.labels[~truth.crowd], minlength=classes).tolist()
    detections = np.bincount(found.labels, minlength=classes).tolist()
    overall, best = best_f1(truth, found)
    per_class = [
        ClassMetrics(
            name, seen.mean(p[:, :, 0, -1]), seen.mean(p[:1, :, 0, -1]), objects[k], detections[k],
            truth.category_ids[k], *best[k],
        )
        for k, (name, p) in enumerate(zip(truth.class_names, seen.precision.transpose(2, 0, 1, 3, 4), strict=True))
    ]  # fmt: skip
    figures = figures_of(seen, measures)
    named = {name: figures.pop(name).value for name in (*FIGURES, "AP90")}
    return Metrics(
        **named, images=len(truth.image_ids),
        objects=sum(objects), detections=len(found.scores), per_class=per_class, unreadable=0,
        best_f1=overall.f1, best_f1_threshold=overall.score,
        own=list(figures.values()),
    )  # fmt: skip
