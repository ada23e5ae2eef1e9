"""What is annotated and what was found, picture by picture."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Picture(NamedTuple):
    """Objects and detections of one picture; boxes in original pixels."""

    name: str  # file name, or the id where there is none
    boxes: np.ndarray  # [n, 4] float64, x y width height of the annotated objects, crowds among them
    labels: np.ndarray  # [n] int64, place of the category
    areas: np.ndarray  # [n] float64, square pixels as annotated, of the box where that is missing
    crowd: np.ndarray  # [n] bool
    found: np.ndarray  # [d, 4] float64, x y width height of the detections, best first
    found_labels: np.ndarray  # [d] int64
    scores: np.ndarray  # [d] float64, descending


def by_picture(truth: dict[str, Any], results: Sequence[dict[str, Any]], category_ids: Sequence[int]) -> list[Picture]:
    """COCO ground truth and results -> one Picture an image, in the order of the file.

    category_ids: those that labels 0, 1, ... stand for; annotations of others are left out.
    """
    label = {number: k for k, number in enumerate(category_ids)}
    objects, found = defaultdict(list), defaultdict(list)
    for annotation in truth["annotations"] or ():
        if annotation["category_id"] in label:
            objects[annotation["image_id"]].append(annotation)
    for result in results:
        found[result["image_id"]].append(result)
    return [_picture(image, objects[image["id"]], found[image["id"]], label) for image in truth["images"]]


def objects(picture: Picture) -> np.ndarray:
    """Rows of the annotated objects that are no crowds, [m] int64."""
    return np.flatnonzero(~picture.crowd)


def _picture(image: dict[str, Any], objects: list[dict], found: list[dict], label: dict[int, int]) -> Picture:
    boxes = _boxes(objects)
    areas = [box[2] * box[3] if x.get("area") is None else x["area"] for x, box in zip(objects, boxes, strict=True)]
    scores = np.array([x["score"] for x in found], np.float64)
    order = np.argsort(-scores, kind="stable")
    return Picture(
        name=str(image.get("file_name") or image["id"]),
        boxes=boxes,
        labels=_labels(objects, label),
        areas=np.array(areas, np.float64),
        crowd=np.array([bool(x.get("iscrowd")) for x in objects], bool),
        found=_boxes(found)[order],
        found_labels=_labels(found, label)[order],
        scores=scores[order],
    )


def _boxes(entries: list[dict]) -> np.ndarray:
    return np.array([x["bbox"] for x in entries], np.float64).reshape(-1, 4)


def _labels(entries: list[dict], label: dict[int, int]) -> np.ndarray:
    return np.array([label[x["category_id"]] for x in entries], np.int64)
