"""COCO ground-truth dicts with everything that the evaluation counts on."""

from collections.abc import Iterable
from typing import Any

from cornernet.data.source import ImageRecord


def annotation(
    image_id: int | str, category_id: int, bbox: list[float], area: float, iscrowd: int = 0, segmentation: Any = None
) -> dict:
    """One object; bbox is [x, y, w, h] in pixels. Its id is given by `ground_truth`."""
    entry = {"image_id": image_id, "category_id": category_id, "bbox": bbox, "area": area, "iscrowd": iscrowd}
    return entry if segmentation is None else {**entry, "segmentation": segmentation}


def ground_truth(
    records: Iterable[ImageRecord], annotations: list[dict], category_ids: list[int], class_names: list[str]
) -> dict:
    """Images, objects and classes -> COCO dict.

    Annotations are numbered from 1 whatever the file said: the reference metric takes a match with id 0 for no match,
    and keeps only one of several annotations that share an id.
    """
    return {
        "info": {},
        "licenses": [],
        "images": [{"id": r.image_id, "file_name": r.file_name, "width": r.width, "height": r.height} for r in records],
        "annotations": [{"id": i, **entry} for i, entry in enumerate(annotations, 1)],
        "categories": [{"id": i, "name": name} for i, name in zip(category_ids, class_names, strict=True)],
    }
