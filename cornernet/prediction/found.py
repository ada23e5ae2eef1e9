"""The detections of a whole set as arrays, and their way to and from COCO's results format."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cornernet.structures import ImageDetections


class Found(NamedTuple):
    """All detections of a set, image by image; boxes in original pixels."""

    image_ids: list[Any]  # of the images, as the annotation file has them
    category_ids: list[int]  # COCO id of each label
    images: np.ndarray  # [D] int64, place in image_ids
    labels: np.ndarray  # [D] int64, place in category_ids
    boxes: np.ndarray  # [D, 4] float64, x y width height
    scores: np.ndarray  # [D] float64


def collected(detections: Iterable[ImageDetections], image_ids: Iterable[Any], category_ids: Sequence[int]) -> Found:
    """Put the detections of images into one Found; raises ValueError for a label beyond category_ids."""
    detections, ids = list(detections), list(image_ids)
    counts = [len(each.scores) for each in detections]
    boxes = np.concatenate([np.zeros((0, 4)), *(each.boxes.double().cpu().numpy() for each in detections)])
    scores = np.concatenate([np.zeros(0), *(each.scores.double().cpu().numpy() for each in detections)])
    labels = np.concatenate([np.zeros(0, np.int64), *(each.labels.cpu().numpy() for each in detections)])
    if len(labels) and labels.max() >= len(category_ids):
        raise ValueError(f"the detector found label {labels.max()}, but there are only {len(category_ids)} categories")
    boxes[:, 2:] -= boxes[:, :2]
    images = np.repeat(np.arange(len(ids)), np.array(counts, np.int64))
    return Found(ids, list(category_ids), images, labels, boxes, scores)


def from_results(results: Sequence[dict[str, Any]]) -> Found:
    """Rows of COCO's results format -> Found."""
    images = {x: n for n, x in enumerate(dict.fromkeys(row["image_id"] for row in results))}
    labels = {x: n for n, x in enumerate(dict.fromkeys(row["category_id"] for row in results))}
    return Found(
        list(images),
        list(labels),
        np.array([images[row["image_id"]] for row in results], np.int64),
        np.array([labels[row["category_id"]] for row in results], np.int64),
        np.array([row["bbox"] for row in results], np.float64).reshape(-1, 4),
        np.array([row["score"] for row in results], np.float64),
    )


def to_results(found: Found) -> list[dict[str, Any]]:
    """Rows of COCO's results format: image_id, category_id, bbox (x y width height) and score, nothing rounded."""
    rows = zip(found.images.tolist(), found.labels.tolist(), found.boxes.tolist(), found.scores.tolist(), strict=True)
    return [
        {"image_id": found.image_ids[i], "category_id": found.category_ids[k], "bbox": box, "score": score}
        for i, k, box, score in rows
    ]
