"""The objects of a set, checked record by record."""

from typing import Any

import numpy as np

from cornernet.data.annotations.images import identifier
from cornernet.data.problems import Problems
from cornernet.data.source import ImageRecord, Objects

LARGEST = 1e300  # beyond it sums of coordinates may overflow
NO_AREA = "bbox has no area"
ROUNDING = 1.0  # pixels by which a box may leave its image before it counts as clipped


def objects(
    entries: list, images: dict[int | str, ImageRecord | None], category_ids: list[int], problems: Problems
) -> Objects:
    """Entries of the file -> Objects."""
    position = {r.image_id: at for at, r in enumerate(r for r in images.values() if r)}
    label = {number: at for at, number in enumerate(category_ids)}
    rows: list[tuple] = []
    seen: set[int | str] = set()
    for at, entry in enumerate(entries):
        _note_twin(entry, seen, problems)
        row = _row(at, entry, images, position, label, problems)
        if row is not None:
            rows.append(row)
    _suspect_xyxy(rows, problems)
    rows.sort(key=lambda row: row[0])
    return _pack(rows, len(position))


def _row(at: int, entry: Any, images: dict, position: dict, label: dict, problems: Problems) -> tuple | None:
    """One entry -> (image, bbox, xyxy, label, crowd, area, segmentation), or None if it was left out."""
    if not isinstance(entry, dict):
        problems.skip("bad annotation", f"entry {at} of annotations is not a dict")
        return None
    name = f"annotation {entry['id']!r}" if "id" in entry else f"entry {at} of annotations"
    image_id = identifier(entry.get("image_id"))
    if image_id is None or image_id not in images:
        problems.skip("unknown image", f"{name} belongs to image {entry.get('image_id')!r}, which is not listed")
        return None
    record = images[image_id]
    if record is None:  # left out, and said so, before
        return None
    name = f"{name} of {record.file_name}"
    category = identifier(entry.get("category_id"))
    if category not in label:
        number = entry.get("category_id")
        problems.skip("unknown category", f"{name} has category {number!r}, which is not listed")
        return None
    if kind := bad_box(entry.get("bbox"), record.width, record.height):
        size = f"{record.width}x{record.height}"
        refuse = problems.drop if kind == NO_AREA else problems.skip
        refuse(kind, f"{name}: {kind}, got {entry.get('bbox')!r} in an image of {size} pixels")
        return None
    crowd = entry.get("iscrowd")
    crowd = 0 if crowd is None else crowd
    if crowd not in (0, 1):
        problems.skip("bad iscrowd", f"{name} has iscrowd {crowd!r}, expected 0 or 1")
        return None
    bbox, xyxy, clipped = _clipped(entry["bbox"], record)
    if clipped:
        text = f"{name}: the box {entry['bbox']} leaves the image of {record.width}x{record.height} pixels"
        problems.repair("box beyond the image", text, "clipped")
    area = _area(entry.get("area"), bbox, clipped)
    if area is None:
        problems.repair("bad area", f"{name} has area {entry['area']!r}", "width x height of the box is used")
        area = bbox[2] * bbox[3]
    segmentation = entry.get("segmentation") if crowd else None
    return position[image_id], bbox, xyxy, label[category], bool(crowd), area, segmentation


def bad_box(bbox: Any, width: int, height: int) -> str:
    """Reason why [x, y, w, h] is no box in an image of that size, or ""; also the name of the kind of problem."""
    if not isinstance(bbox, list) or len(bbox) != 4 or any(type(v) not in (int, float) for v in bbox):
        return "bbox must be four numbers [x, y, w, h]"
    if not all(-LARGEST < v < LARGEST for v in bbox):  # NaN fails it as well
        return "bbox is not finite"
    x, y, w, h = bbox
    if w < 0 or h < 0:
        return "bbox has a negative width or height"
    if w == 0 or h == 0:
        return NO_AREA
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        return "bbox lies outside the image"
    x1, y1, x2, y2 = np.array(_edges(bbox, width, height), np.float32)
    return "" if x2 > x1 and y2 > y1 else "bbox is too thin for single precision"


def _edges(bbox: list[float], width: int, height: int) -> tuple[float, float, float, float]:
    """[x, y, w, h] -> xyxy inside the image."""
    x, y, w, h = bbox
    return max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)


def _clipped(bbox: list[float], record: ImageRecord) -> tuple[list[float], tuple, bool]:
    """[x, y, w, h] -> (box for the evaluation, xyxy inside the image, whether the former was changed).

    A box that leaves its image by rounding stays as it is for the evaluation, so that figures on a sound file
    equal those of any other tool; what reaches further out can never be found and is cut.
    """
    x1, y1, x2, y2 = _edges(bbox, record.width, record.height)
    x, y, w, h = bbox
    beyond = max(x1 - x, y1 - y, x + w - x2, y + h - y2)
    if beyond <= ROUNDING:
        return bbox, (x1, y1, x2, y2), False
    return [x1, y1, x2 - x1, y2 - y1], (x1, y1, x2, y2), True


def _area(area: Any, bbox: list[float], clipped: bool) -> float | None:
    """Area of the entry (of its mask, where there is one), of the box where it has none; None for one that is none."""
    of_box = bbox[2] * bbox[3]
    if area is None:
        return of_box
    if type(area) not in (int, float) or not 0 <= area < LARGEST:
        return None
    return min(area, of_box) if clipped else area


def _note_twin(entry: Any, seen: set, problems: Problems) -> None:
    """Ids of annotations are not used, but two objects with one id are a sign of a broken export."""
    number = identifier(entry.get("id")) if isinstance(entry, dict) else None
    if number is not None and number in seen:
        text = f"annotation id {number} is given twice"
        problems.repair("annotation id given twice", text, "both objects are used")
    seen.add(number)


def _suspect_xyxy(rows: list[tuple], problems: Problems) -> None:
    clipped = problems.repaired["box beyond the image"]
    if clipped >= 3 and clipped > 0.2 * len(rows):
        doubt = "are they [x1, y1, x2, y2] instead of [x, y, w, h]?"
        text = f"{clipped} of {len(rows)} boxes leave their images: {doubt}"
        problems.repair("corners for sizes", text, "taken for [x, y, w, h]")


def _pack(rows: list[tuple], images: int) -> Objects:
    """Rows ordered by image -> arrays."""
    at = np.array([row[0] for row in rows], np.int64)
    return Objects(
        start=np.searchsorted(at, np.arange(images + 1)),
        bbox=np.array([row[1] for row in rows], np.float64).reshape(-1, 4),
        boxes=np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
        labels=np.array([row[3] for row in rows], np.int64),
        iscrowd=np.array([row[4] for row in rows], bool),
        area=np.array([row[5] for row in rows], np.float64),
        segmentation={i: row[6] for i, row in enumerate(rows) if row[6]},
    )
