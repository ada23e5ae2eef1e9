"""The objects of a set, checked record by record."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cornernet.data.annotations.boxes import FRACTIONS, NO_AREA, bad_box, clipped, sound_area
from cornernet.data.annotations.columns import Columns
from cornernet.data.annotations.doubts import doubt
from cornernet.data.annotations.images import identifier
from cornernet.data.annotations.repeats import repeated
from cornernet.data.annotations.rows import Rows, sound
from cornernet.data.problems import Problems
from cornernet.data.records import Records
from cornernet.data.source import ImageRecord, Objects


def objects(
    entries: Sequence,
    images: dict[int | str, ImageRecord | None],
    records: Records,
    category_ids: list[int],
    problems: Problems,
) -> Objects:
    """Entries of the file, images by id and those that were not left out -> Objects.

    What is sound beyond doubt is found in all of them at once; the others are looked at one by one, in their order.
    """
    columns = entries if isinstance(entries, Columns) else Columns(entries)
    position = {number: at for at, number in enumerate(number for number, record in images.items() if record)}
    label = {number: at for at, number in enumerate(category_ids)}
    doubtful = doubt(columns, images, problems)
    rows, again = Rows(len(columns)), _twins(columns)
    rows.fill(columns, ~again & sound(columns, records, category_ids), records, category_ids)
    for at in np.flatnonzero(rows.image < 0).tolist():
        entry = columns[at]
        if again[at]:
            text = f"annotation id {identifier(entry['id'])} is given twice"
            problems.repair("annotation id given twice", text, "both objects are used")
        rows.put(at, _row(at, entry, images, position, label, doubtful, problems))
    order = rows.order()
    found = rows.objects(order, len(records))
    del rows  # of a large set a place for what follows
    return _once(found, order, columns, records, problems)


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


def _twins(columns: Columns) -> np.ndarray:
    """[N] bool, whether an entry before has the id: ids are not used, but that is a sign of a broken export."""
    numbers, numbered = columns.ids.copy(), columns.numbered
    others = {at: text for at, text in columns.texts.items() if identifier(text) is not None}
    for at, entry in columns.odd.items():
        number = identifier(entry.get("id")) if isinstance(entry, dict) else None
        if isinstance(number, int):
            numbers[at], numbered[at] = number, True
        elif number is not None:
            others[at] = number
    again, places = np.zeros(len(columns), bool), np.flatnonzero(numbered)
    again[places] = True
    again[places[np.unique(numbers[places], return_index=True)[1]]] = False
    seen: set[str] = set()
    for at in sorted(others):
        again[at] = others[at] in seen
        seen.add(others[at])
    return again


def _once(found: Objects, order: np.ndarray, columns: Columns, records: Records, problems: Problems) -> Objects:
    """Objects and the entries that they were -> the same; of boxes given twice one where bad records go."""
    again = repeated(found)
    if not again.any():
        return found
    first = int(np.flatnonzero(again)[0])
    record = records[int(np.searchsorted(found.start, first, "right")) - 1]
    box = clipped(columns[int(order[first])]["bbox"], record)[0]
    text = f"boxes given twice: {again.sum()} of {len(order)}, the first: {box} of {record.file_name}"
    if problems.on_error == "stop":
        for _ in range(again.sum()):
            problems.repair("box given twice", text, "both are used; data.on_error=skip drops one")
        return found
    for _ in range(again.sum()):
        problems.drop("box given twice", text)
    return found.of_rows(np.flatnonzero(~again), np.append(0, np.cumsum(~again))[found.start])
