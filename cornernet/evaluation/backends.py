"""The libraries that compute COCO's precision and recall: pycocotools, the reference, and faster ones of equal figures.

pycocotools fails on an empty list of detections, scores a perfect detection of the annotation with id 0 as a miss,
needs keys that many files leave out, and is silent about categories that it does not know. So images, categories and
annotations are renumbered from 1 on and keys filled in. hotcoco takes the arrays as they are; the others want a dict a
row.
"""

import contextlib
import gc
import importlib
import importlib.util
import io
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from cornernet.evaluation.truth import Truth, numbers
from cornernet.prediction import Found

log = logging.getLogger("cornernet")
Backend = Literal["auto", "pycocotools", "faster_coco_eval", "hotcoco"]
PACKAGES = {"hotcoco": "hotcoco", "faster_coco_eval": "faster-coco-eval", "pycocotools": "pycocotools"}  # fastest first


class Curves(NamedTuple):
    """What the figures are means of; -1 where there is no object."""

    precision: np.ndarray  # [T IoUs, R recalls, K classes, A areas, M limits] float64
    recall: np.ndarray  # [T, K, A, M] float64


class Columns(NamedTuple):
    """Objects or detections, of images and classes numbered from 1 on."""

    images: np.ndarray  # [N] int64
    labels: np.ndarray  # [N] int64
    boxes: np.ndarray  # [N, 4] float64, x y width height
    areas: np.ndarray  # [N] float64
    crowd: np.ndarray  # [N] int64
    scores: np.ndarray  # [N] float64


def curves(truth: Truth, found: Found, limits: Sequence[int], backend: Backend = "auto") -> Curves:
    """Truth, detections in its terms, and how many of a class in an image count, ascending -> Curves.

    Raises ValueError for a backend that is unknown or not installed.
    """
    name, api, evaluator = _library(backend)
    number, areas = numbers(truth) + 1, found.boxes[:, 2] * found.boxes[:, 3]
    crowd, none = truth.crowd.astype(np.int64), np.zeros(len(found.scores), np.int64)
    objects = Columns(
        number[truth.images], truth.labels + 1, truth.boxes, truth.areas, crowd, np.ones(len(truth.areas))
    )
    guesses = Columns(number[found.images], found.labels + 1, found.boxes, areas, none, found.scores)
    run = _hotcoco if name == "hotcoco" else _reference
    classes = [{"id": i, "name": str(i)} for i in range(1, len(truth.category_ids) + 1)]
    images = [{"id": i, "width": 1, "height": 1} for i in range(1, len(number) + 1)]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluated = run(api, evaluator, objects, guesses, images, classes, list(limits))
    return Curves(*(np.asarray(evaluated[key], np.float64) for key in ("precision", "recall")))


def _library(name: str) -> tuple[str, Any, Any]:
    """Name of a backend -> its own, its data set and its evaluator; auto: those of the fastest that is there."""
    if name not in ("auto", *PACKAGES):
        raise ValueError(f"got backend {name!r}, expected auto, {', '.join(PACKAGES)}")
    for one in PACKAGES if name == "auto" else (name,):
        if importlib.util.find_spec(one) is None:
            continue
        try:
            return one, *_imported(one)
        except (ImportError, AttributeError) as error:
            if name != "auto":
                raise ValueError(f"the backend {name} cannot be used: {error}") from error
            log.warning("%s is installed, but test.backend=auto cannot use it: %s", one, error)
    raise ValueError(f"the backend {name} is not installed: pip install {PACKAGES.get(name, 'pycocotools')}")


def _imported(name: str) -> tuple[Any, Any]:
    if name == "pycocotools":
        return importlib.import_module("pycocotools.coco").COCO, importlib.import_module(
            "pycocotools.cocoeval"
        ).COCOeval
    module = importlib.import_module(name)
    return module.COCO, module.COCOeval if name == "hotcoco" else module.COCOeval_faster


def _hotcoco(
    api: Any, evaluator: Any, truth: Columns, found: Columns, images: list[dict], classes: list[dict], limits: list[int]
) -> dict[str, Any]:
    """Hand the columns over as they are."""
    known = api.from_arrays(
        images, classes, truth.images, truth.labels, truth.boxes, area=truth.areas, iscrowd=truth.crowd
    )
    rows = np.column_stack([found.images, found.boxes, found.scores, found.labels])
    run = evaluator(known, known.load_res(rows), "bbox")
    run.params.max_dets = limits
    run.evaluate()
    run.accumulate()
    return run.eval


def _reference(
    api: Any, evaluator: Any, truth: Columns, found: Columns, images: list[dict], classes: list[dict], limits: list[int]
) -> dict[str, Any]:
    """Hand over a dict a row."""
    with _uncollected():
        run = evaluator(*(_dataset(api, x, images, classes) for x in (truth, found)), "bbox")
        run.params.maxDets = limits
        run.evaluate()
        run.accumulate()
    return run.eval


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


def _dataset(api: Callable[[], Any], columns: Columns, images: list[dict], classes: list[dict]) -> Any:
    """Build the library's dataset object; ids are from 1 on, for 0 reads as 'not matched'."""
    rows = zip(*(x.tolist() for x in columns), strict=True)
    dataset = api()
    dataset.dataset = {
        "info": {},
        "images": images,
        "categories": classes,
        "annotations": [
            {"id": n, "image_id": i, "category_id": k, "bbox": box, "area": area, "iscrowd": crowd, "score": score}
            for n, (i, k, box, area, crowd, score) in enumerate(rows, 1)
        ],
    }
    dataset.createIndex()
    return dataset
