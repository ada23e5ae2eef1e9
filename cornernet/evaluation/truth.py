"""The annotated objects of a set as arrays, and detections put in the same terms."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from cornernet.data import Source
from cornernet.prediction import Found


class Truth(NamedTuple):
    """All annotated objects of a set, crowds among them; boxes in original pixels."""

    image_ids: list[Any]  # in the order of the file
    names: list[str]  # of the images: file name, or the id where there is none
    category_ids: list[Any]  # ascending, numbers before strings
    class_names: list[str]
    images: np.ndarray  # [N] int64, place in image_ids
    labels: np.ndarray  # [N] int64, place in category_ids
    boxes: np.ndarray  # [N, 4] float64, x y width height
    areas: np.ndarray  # [N] float64, square pixels as annotated, of the box where that is missing
    crowd: np.ndarray  # [N] bool


def from_coco(content: dict[str, Any]) -> Truth:
    """Content of a COCO annotation file -> Truth.

    `area` (width x height), `iscrowd` (0) and `categories` (as the annotations use them) may be missing. Annotations of
    images or categories that the file does not list are left out. Raises ValueError for an annotation without four
    numbers as its bbox.
    """
    annotations = content.get("annotations") or []
    categories = content.get("categories") or [{"id": i} for i in {x["category_id"] for x in annotations}]
    names = {x["id"]: str(x.get("name", x["id"])) for x in categories}
    classes = {x: n for n, x in enumerate(sorted(names, key=ascending))}
    files = {x["id"]: str(x.get("file_name") or x["id"]) for x in content.get("images") or []}
    images = {x: n for n, x in enumerate(files)}
    known = [x for x in annotations if x["image_id"] in images and x["category_id"] in classes]
    boxes = np.array([_box(x) for x in known], np.float64).reshape(-1, 4)
    given = [box[2] * box[3] if x.get("area") is None else x["area"] for x, box in zip(known, boxes, strict=True)]
    return Truth(
        image_ids=list(files),
        names=list(files.values()),
        category_ids=list(classes),
        class_names=[names[x] for x in classes],
        images=np.array([images[x["image_id"]] for x in known], np.int64),
        labels=np.array([classes[x["category_id"]] for x in known], np.int64),
        boxes=boxes,
        areas=np.array(given, np.float64),
        crowd=np.array([bool(x.get("iscrowd")) for x in known], bool),
    )


def from_source(source: Source) -> Truth:
    """Objects of a source -> Truth, the same that `from_coco` makes of its COCO dict, but without a dict a row."""
    o = source.objects
    if o is None:
        return from_coco(source.coco())
    records = [source.record(i) for i in range(len(source))]
    images = np.repeat(np.arange(len(records)), np.diff(o.start))
    ids, names = [r.image_id for r in records], [r.file_name for r in records]
    found = Truth(ids, names, source.category_ids, source.class_names, images, o.labels, o.bbox, o.area, o.iscrowd)
    return with_categories(found, {})


def with_categories(truth: Truth, more: Mapping[Any, str]) -> Truth:
    """Truth that has these categories as well, id: name, in ascending order."""
    names = dict(zip(truth.category_ids, truth.class_names, strict=True)) | dict(more)
    ids = sorted(names, key=ascending)
    place = np.array([ids.index(number) for number in truth.category_ids], np.int64)
    return truth._replace(category_ids=ids, class_names=[names[x] for x in ids], labels=place[truth.labels])


def ascending(number: Any) -> tuple:
    """Key that sorts ids: numbers before strings."""
    return (isinstance(number, str), number)


def numbers(truth: Truth) -> np.ndarray:
    """Number of each image in the order in which COCO goes through them, by id, from 0 on [I] int64."""
    ids = truth.image_ids
    number = np.empty(len(ids), np.int64)
    number[sorted(range(len(ids)), key=lambda i: ascending(ids[i]))] = np.arange(len(ids))
    return number


def placed(found: Found, truth: Truth) -> Found:
    """Detections with the images and categories of the truth in place of their own.

    Raises ValueError for one that is of an image or a category that the truth lacks, or not finite.
    """
    images, labels = _places(found.image_ids, truth.image_ids), _places(found.category_ids, truth.category_ids)
    here = Found(truth.image_ids, truth.category_ids, images[found.images], labels[found.labels], *found[4:])
    wrong = (here.images < 0) | (here.labels < 0) | ~np.isfinite(here.boxes.sum(1) + here.scores)
    if wrong.any():
        _refuse(found, here, int(wrong.argmax()))
    return here


def _places(ids: list[Any], known: list[Any]) -> np.ndarray:
    """Place of each id among the known ones, -1 for none."""
    place = {x: n for n, x in enumerate(known)}
    return np.array([place.get(x, -1) for x in ids], np.int64)


def _refuse(found: Found, here: Found, row: int) -> None:
    """Raise ValueError for what is wrong with a detection."""
    image, category = found.image_ids[found.images[row]], found.category_ids[found.labels[row]]
    if here.images[row] < 0:
        raise ValueError(f"a prediction has image_id {image!r}, which is not among the ground truth's images")
    if here.labels[row] < 0:
        raise ValueError(f"a prediction has category_id {category!r}, which is not among the ground truth's categories")
    numbers = f"bbox {found.boxes[row].tolist()}, score {found.scores[row].item()}"
    raise ValueError(f"a prediction for image {image!r} is not finite: {numbers}")


def _box(annotation: dict[str, Any]) -> list[float]:
    try:
        x, y, width, height = (float(number) for number in annotation["bbox"])
    except (KeyError, TypeError, ValueError):
        box = annotation.get("bbox")
        raise ValueError(f"annotation {annotation.get('id')!r} needs a bbox of four numbers, got {box}") from None
    return [x, y, width, height]
