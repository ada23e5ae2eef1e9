"""COCO metrics of predictions, computed by pycocotools, with its traps closed, and the report made of them.

pycocotools fails on an empty list of detections, scores a perfect detection of the annotation with id 0 as a miss,
needs keys that many files leave out, and is silent about categories that it does not know. `coco_metrics` therefore
renumbers images, categories and annotations, fills the keys in and refuses what could only be a mistake.
"""

import contextlib
import importlib
import io
import json
import math
import unicodedata
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

Backend = Literal["pycocotools", "faster_coco_eval"]
# Name in Metrics -> what it measures, in the order of COCOeval.stats.
FIGURES = {
    "AP": "IoU 0.50:0.95, all sizes, 100 detections",
    "AP50": "IoU 0.50, all sizes, 100 detections",
    "AP75": "IoU 0.75, all sizes, 100 detections",
    "AP_small": "IoU 0.50:0.95, area below 32 x 32, 100 detections",
    "AP_medium": "IoU 0.50:0.95, area between, 100 detections",
    "AP_large": "IoU 0.50:0.95, area above 96 x 96, 100 detections",
    "AR1": "IoU 0.50:0.95, all sizes, 1 detection",
    "AR10": "IoU 0.50:0.95, all sizes, 10 detections",
    "AR100": "IoU 0.50:0.95, all sizes, 100 detections",
    "AR_small": "IoU 0.50:0.95, area below 32 x 32, 100 detections",
    "AR_medium": "IoU 0.50:0.95, area between, 100 detections",
    "AR_large": "IoU 0.50:0.95, area above 96 x 96, 100 detections",
}


@dataclass(frozen=True)
class ClassMetrics:
    """Figures of one category, each in [0, 1], or -1 where there is no object to measure with."""

    name: str
    AP: float
    AP50: float
    objects: int  # annotated ones, crowds not counted
    detections: int


@dataclass(frozen=True)
class Metrics:
    """The twelve COCO figures under the names in FIGURES, AP at IoU 0.90, and counts; -1 where nothing can be measured."""

    AP: float
    AP50: float
    AP75: float
    AP_small: float
    AP_medium: float
    AP_large: float
    AR1: float
    AR10: float
    AR100: float
    AR_small: float
    AR_medium: float
    AR_large: float
    AP90: float
    images: int
    objects: int  # annotated ones, crowds not counted
    detections: int
    seconds_per_image: float = 0.0  # of prediction, without reading the picture; 0: not measured
    per_class: list[ClassMetrics] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """The twelve figures and AP90 by name, for a log."""
        return {name: getattr(self, name) for name in (*FIGURES, "AP90")}


def coco_metrics(
    ground_truth: dict[str, Any], results: list[dict[str, Any]], backend: Backend = "pycocotools"
) -> Metrics:
    """Score predictions against a COCO annotation file's content; neither is changed.

    ground_truth: dict with `images`, `annotations`, `categories`; `area` (width x height), `iscrowd` (0) and
    `categories` (as the annotations use them) may be missing. results: dicts with image_id, category_id,
    bbox [x, y, width, height] and score. Ids of images may be numbers or strings. Ties in score are broken as
    pycocotools breaks them: by image id, then by the order in `results`.
    Raises ValueError for a result that names an unknown image or category or holds a number that is not finite,
    ModuleNotFoundError for a backend that is not installed.
    """
    images = _numbered(image["id"] for image in ground_truth.get("images") or [])
    annotations = ground_truth.get("annotations") or []
    categories = ground_truth.get("categories") or [
        {"id": i, "name": str(i)} for i in {annotation["category_id"] for annotation in annotations}
    ]
    names = {category["id"]: str(category.get("name", category["id"])) for category in categories}
    classes = _numbered(names)
    truths = [_truth(x, images, classes) for x in annotations if x["image_id"] in images and x["category_id"] in classes]
    found = [_detection(x, images, classes) for x in results]
    precision, stats = _run(truths, found, len(images), len(classes), backend)
    return _summary(precision, stats, [names[c] for c in classes], truths, found, len(images))


def table(metrics: Metrics) -> str:
    """The twelve figures, AP90 and one row a class as aligned text; '-' where there is nothing to measure."""
    rows = [(name, _percent(value), FIGURES.get(name, "IoU 0.90, all sizes, 100 detections"))
            for name, value in metrics.figures().items()]  # fmt: skip
    classes = [(c.name, str(c.objects), str(c.detections), _percent(c.AP), _percent(c.AP50)) for c in metrics.per_class]
    head = f"{metrics.images} images, {metrics.objects} objects, {metrics.detections} detections"
    if metrics.seconds_per_image:
        head += f", {metrics.seconds_per_image:.3g} s/image"
    return "\n".join([
        head, "", *_aligned(rows, "<><"), "",
        *_aligned([("class", "objects", "detections", "AP", "AP50"), *classes], "<>>>>"),
    ])  # fmt: skip


def write(metrics: Metrics, results: list[dict[str, Any]], folder: str | Path) -> None:
    """Write metrics.json and predictions.json (COCO results format, original ids) into a folder, made if need be."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content, indent in (("metrics", asdict(metrics), 2), ("predictions", results, None)):
        text = json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


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
        "area": annotation.get("area", width * height),
        "iscrowd": int(annotation.get("iscrowd", 0)),
    }


def _detection(result: dict[str, Any], images: dict[Any, int], classes: dict[Any, int]) -> dict[str, Any]:
    for key, known, what in (("image_id", images, "images"), ("category_id", classes, "categories")):
        if result[key] not in known:
            raise ValueError(f"a prediction has {key} {result[key]!r}, which is not among the ground truth's {what}")
    x, y, width, height = result["bbox"]
    if not all(map(math.isfinite, (x, y, width, height, result["score"]))):
        raise ValueError(f"a prediction for image {result['image_id']!r} is not finite: {result['bbox']}, {result['score']}")
    ids = {"image_id": images[result["image_id"]], "category_id": classes[result["category_id"]]}
    return ids | {"bbox": [x, y, width, height], "area": width * height, "iscrowd": 0, "score": result["score"]}


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
        module = importlib.import_module("faster_coco_eval")
        return module.COCO, module.COCOeval_faster
    raise ValueError(f"got backend {name!r}, expected pycocotools or faster_coco_eval")


def _dataset(api: type, items: list[dict], images: int, classes: int) -> Any:
    """The reference's dataset object; ids from 1 on, for it reads 0 as 'not matched'."""
    dataset = api()
    dataset.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(1, images + 1)],
        "categories": [{"id": i} for i in range(1, classes + 1)],
        "annotations": [{"id": i, **item} for i, item in enumerate(items, 1)],
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


def _percent(value: float) -> str:
    return "-" if value < 0 else f"{value:.3f}"


def _aligned(rows: list[tuple[str, ...]], sides: str) -> list[str]:
    """Columns two spaces apart, by the width that a terminal gives each character."""
    widths = [max(_width(row[k]) for row in rows) for k in range(len(sides))]
    return ["  ".join(map(_pad, row, widths, sides)).rstrip() for row in rows]


def _pad(text: str, width: int, side: str) -> str:
    space = " " * (width - _width(text))
    return text + space if side == "<" else space + text


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
