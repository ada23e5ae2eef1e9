"""COCO metrics of predictions, computed by pycocotools, with its traps closed.

pycocotools fails on an empty list of detections, scores a perfect detection of the annotation with id 0 as a miss,
needs keys that many files leave out, and is silent about categories that it does not know. `score` therefore
renumbers images, categories and annotations, fills the keys in and refuses what could only be a mistake.
"""

import contextlib
import gc
import importlib.util
import io
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from cornernet.evaluation.metrics import FIGURES, ClassMetrics, Metrics

Backend = Literal["pycocotools", "faster_coco_eval"]


class Score(NamedTuple):
    """The figures and what they are means of."""

    metrics: Metrics
    precision: np.ndarray  # [T IoUs, R recalls, K classes, A areas, M limits] float64, -1 where there is no object
    category_ids: list[int]  # [K], of the classes as precision and metrics.per_class have them


def coco_metrics(
    ground_truth: dict[str, Any], results: list[dict[str, Any]], backend: Backend = "pycocotools"
) -> Metrics:
    """Figures of predictions against a COCO annotation file's content; see `score`."""
    return score(ground_truth, results, backend).metrics


def score(ground_truth: dict[str, Any], results: list[dict[str, Any]], backend: Backend = "pycocotools") -> Score:
    """Score predictions against a COCO annotation file's content; neither is changed.

    ground_truth: dict with `images`, `annotations`, `categories`; `area` (width x height), `iscrowd` (0) and
    `categories` (as the annotations use them) may be missing. results: dicts with image_id, category_id,
    bbox [x, y, width, height] and score. Ids of images may be numbers or strings. Ties in score are broken as
    pycocotools breaks them: by image id, then by the order in `results`.
    Annotations of images or categories that the file does not list count for nothing, as in pycocotools.
    Raises ValueError for a result that names an unknown image or category or holds a number that is not finite, for
    an annotation without four numbers as its bbox and for a backend that is not installed.
    """
    with _uncollected():
        return _score(ground_truth, results, backend)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for garbage, which python does ever again where half a million objects are made that stay."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _score(ground_truth: dict[str, Any], results: list[dict[str, Any]], backend: Backend) -> Score:
    images = _numbered(image["id"] for image in ground_truth.get("images") or [])
    annotations = ground_truth.get("annotations") or []
    categories = ground_truth.get("categories") or [
        {"id": i, "name": str(i)} for i in {annotation["category_id"] for annotation in annotations}
    ]
    names = {category["id"]: str(category.get("name", category["id"])) for category in categories}
    classes = _numbered(names)
    known = [x for x in annotations if x["image_id"] in images and x["category_id"] in classes]
    truths = [_truth(x, images, classes) for x in known]
    found = [_detection(x, images, classes) for x in results]
    precision, stats = _run(truths, found, len(images), len(classes), backend)
    metrics = _summary(precision, stats, [names[c] for c in classes], truths, found, len(images))
    return Score(metrics, precision, list(classes))


def _numbered(ids: Any) -> dict[Any, int]:
    """Ids -> their places 1, 2, ... in ascending order, numbers before strings."""
    return {x: n for n, x in enumerate(sorted(set(ids), key=lambda x: (isinstance(x, str), x)), 1)}


def _truth(annotation: dict[str, Any], images: dict[Any, int], classes: dict[Any, int]) -> dict[str, Any]:
    """Annotation with the renumbered ids and every key that the evaluation reads but the running id."""
    try:
        x, y, width, height = (float(number) for number in annotation["bbox"])
    except (KeyError, TypeError, ValueError):
        box = annotation.get("bbox")
        raise ValueError(f"annotation {annotation.get('id')!r} needs a bbox of four numbers, got {box}") from None
    return {
        "image_id": images[annotation["image_id"]],
        "category_id": classes[annotation["category_id"]],
        "bbox": [x, y, width, height],
        "area": width * height if annotation.get("area") is None else annotation["area"],
        "iscrowd": int(annotation.get("iscrowd") or 0),
    }


def _detection(result: dict[str, Any], images: dict[Any, int], classes: dict[Any, int]) -> dict[str, Any]:
    """Result with the renumbered ids and every key that the evaluation reads but the running id."""
    image, category, score = images.get(result["image_id"]), classes.get(result["category_id"]), result["score"]
    x, y, width, height = result["bbox"]
    if image is None or category is None or not math.isfinite(x + y + width + height + score):
        _refuse(result, images, classes)
    return {
        "image_id": image, "category_id": category, "bbox": [x, y, width, height], "area": width * height,
        "iscrowd": 0, "score": score,
    }  # fmt: skip


def _refuse(result: dict[str, Any], images: dict[Any, int], classes: dict[Any, int]) -> None:
    """Raise ValueError for what is wrong with a result; apart, since there are half a million of them to look at."""
    for key, known, what in (("image_id", images, "images"), ("category_id", classes, "categories")):
        if result[key] not in known:
            raise ValueError(f"a prediction has {key} {result[key]!r}, which is not among the ground truth's {what}")
    numbers = f"bbox {result['bbox']}, score {result['score']}"
    raise ValueError(f"a prediction for image {result['image_id']!r} is not finite: {numbers}")


def _run(
    truths: list[dict], found: list[dict], images: int, classes: int, backend: Backend
) -> tuple[np.ndarray, list[float]]:
    """Precision [T IoUs, R recalls, K classes, A areas, M limits], -1 where undefined, and the twelve figures."""
    api, evaluator = _backend(backend)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = [_dataset(api, items, images, classes) for items in (truths, found)]
        run = evaluator(*coco, "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return np.asarray(run.eval["precision"]), [float(x) for x in run.stats[: len(FIGURES)]]


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
    """Build the reference's dataset object, which keeps the items; ids from 1 on, for it reads 0 as 'not matched'."""
    for i, item in enumerate(items, 1):
        item["id"] = i
    dataset = api()
    dataset.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(1, images + 1)],
        "categories": [{"id": i} for i in range(1, classes + 1)],
        "annotations": items,
    }
    dataset.createIndex()
    return dataset


def _summary(
    precision: np.ndarray, stats: list[float], names: list[str], truths: list[dict], found: list[dict], images: int
) -> Metrics:
    thresholds = np.linspace(0.5, 0.95, 10)
    strict = precision[np.isclose(thresholds, 0.9), ..., 0, -1]
    objects = Counter(x["category_id"] for x in truths if not x["iscrowd"])
    detections = Counter(x["category_id"] for x in found)
    per_class = [
        ClassMetrics(name, _mean(p[:, :, 0, -1]), _mean(p[:1, :, 0, -1]), objects[k], detections[k])
        for k, (name, p) in enumerate(zip(names, precision.transpose(2, 0, 1, 3, 4), strict=True), 1)
    ]
    return Metrics(*stats, _mean(strict), images, objects.total(), len(found), per_class=per_class)


def _mean(precision: np.ndarray) -> float:
    """Mean of the defined entries, or -1 as pycocotools has it."""
    defined = precision[precision > -1]
    return float(defined.mean()) if defined.size else -1.0
