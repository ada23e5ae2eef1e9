"""The objects of a set, checked record by record."""

from typing import Any

import numpy as np

from cornernet.data.annotations.boxes import FRACTIONS, NO_AREA, bad_box, clipped, sound_area
from cornernet.data.annotations.doubts import doubt
from cornernet.data.annotations.images import identifier
from cornernet.data.annotations.repeats import repeated
from cornernet.data.problems import Problems
from cornernet.data.source import ImageRecord, Objects


def objects(
    entries: list, images: dict[int | str, ImageRecord | None], category_ids: list[int], problems: Problems
) -> Objects:
    """Entries of the file -> Objects."""
    position = {r.image_id: at for at, r in enumerate(r for r in images.values() if r)}
    label = {number: at for at, number in enumerate(category_ids)}
    doubtful = doubt(entries, images, problems)
    rows: list[tuple] = []
    seen: set[int | str] = set()
    for at, entry in enumerate(entries):
        _note_twin(entry, seen, problems)
        row = _row(at, entry, images, position, label, doubtful, problems)
        if row is not None:
            rows.append(row)
    rows.sort(key=lambda row: row[0])
    return _once(rows, [r.file_name for r in images.values() if r], problems)


def _row(
    at: int, entry: Any, images: dict, position: dict, label: dict, doubtful: str, problems: Problems
) -> tuple | None:
    """One entry -> (image, bbox, xyxy, label, crowd, area, segmentation), or None if it was left out."""
    if not isinstance(entry, dict):
        problems.skip("bad annotation", f"entry {at} of annotations is not a dict")
        return None
    name = f"annotation {entry['id']!r}" if "id" in entry else f"entry {at} of annotations"
    image_id = identifier(entry.get("image_id"))
    if image_id is None or image_id not in images:
        text = f"{name} belongs to image {entry.get('image_id')!r}, which is not listed"
        problems.skip("unknown image", text + _of_other_kind(image_id, images))
        return None
    record = images[image_id]
    if record is None:  # left out, and said so, before
        return None
    name = f"{name} of {record.file_name}"
    category = identifier(entry.get("category_id"))
    if category not in label:
        text = f"{name} has category {entry.get('category_id')!r}, which is not listed"
        problems.skip("unknown category", text + _of_other_kind(category, label))
        return None
    if kind := bad_box(entry.get("bbox"), record.width, record.height):
        _refuse_box(kind, name, entry.get("bbox"), record, doubtful, problems)
        return None
    crowd = entry.get("iscrowd")
    crowd = 0 if crowd is None else crowd
    if crowd not in (0, 1):
        problems.skip("bad iscrowd", f"{name} has iscrowd {crowd!r}, expected 0 or 1")
        return None
    bbox, xyxy, changed = clipped(entry["bbox"], record)
    if changed:
        text = f"{name}: the box {entry['bbox']} leaves the image of {record.width}x{record.height} pixels"
        problems.repair("box beyond the image", text, "clipped")
    area = _area(name, entry, bbox, problems)
    segmentation = entry.get("segmentation") if crowd else None
    return position[image_id], bbox, xyxy, label[category], bool(crowd), area, segmentation


def _of_other_kind(number: int | str | None, known: dict) -> str:
    """Id that is not listed -> what is: the same as text or as number, or ""."""
    other: int | str | None = str(number) if isinstance(number, int) else None
    if isinstance(number, str) and number.strip().isdecimal() and len(number) < 20:
        other = int(number)
    return "" if other not in known else f", but {other!r} is: ids must be numbers in both lists, or texts in both"


def _refuse_box(kind: str, name: str, bbox: Any, record: ImageRecord, doubtful: str, problems: Problems) -> None:
    size = f"{record.width}x{record.height}"
    wanted = ", where pixels are expected" if kind == FRACTIONS else ""
    text = f"{name}: {kind}, got {bbox!r} in an image of {size} pixels{wanted}"
    refuse = problems.drop if kind == NO_AREA else problems.skip
    refuse(kind, f"{text}; {doubtful}" if doubtful else text)


def _area(name: str, entry: dict, bbox: list[float], problems: Problems) -> float:
    """Area of the entry (of its mask, where there is one) inside the image; that of the box where it can be none."""
    area, of_box = entry.get("area"), bbox[2] * bbox[3]
    if area is None:
        return of_box
    if sound_area(area, entry["bbox"]):
        return area if bbox is entry["bbox"] else min(area, of_box)
    text = f"{name} has area {area!r}, its box {entry['bbox'][2]:g} x {entry['bbox'][3]:g} pixels"
    problems.repair("bad area", text, "width x height of the box is used")
    return of_box


def _note_twin(entry: Any, seen: set, problems: Problems) -> None:
    """Ids of annotations are not used, but two objects with one id are a sign of a broken export."""
    number = identifier(entry.get("id")) if isinstance(entry, dict) else None
    if number is not None and number in seen:
        text = f"annotation id {number} is given twice"
        problems.repair("annotation id given twice", text, "both objects are used")
    seen.add(number)


def _once(rows: list[tuple], names: list[str], problems: Problems) -> Objects:
    """Rows ordered by image and names of the images -> Objects; of boxes given twice one where bad records go."""
    found = _pack(rows, len(names))
    again = repeated(found)
    if not again.any():
        return found
    first = rows[int(np.flatnonzero(again)[0])]
    text = f"boxes given twice: {again.sum()} of {len(rows)}, the first: {first[1]} of {names[first[0]]}"
    if problems.on_error == "stop":
        for _ in range(again.sum()):
            problems.repair("box given twice", text, "both are used; data.on_error=skip drops one")
        return found
    for _ in range(again.sum()):
        problems.drop("box given twice", text)
    return _pack([row for row, gone in zip(rows, again, strict=True) if not gone], len(names))


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
