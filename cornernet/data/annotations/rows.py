"""The objects of a set in arrays, in the order of the file: those that are sound beyond doubt all at once."""

import json
from typing import Any

import numpy as np

from cornernet.data.annotations.boxes import LARGEST, MARGIN, ROUNDING, SPECK
from cornernet.data.annotations.columns import Columns
from cornernet.data.records import Records
from cornernet.data.source import Objects
from cornernet.data.texts import Masks, Texts

OUT = -1  # in place of the image of an object that is left out


class Rows:
    """A row for each entry, until some are left out and the others put into the order of the images."""

    def __init__(self, count: int):
        """Rows of which nothing is known."""
        self.image, self.labels = np.full(count, OUT, np.int64), np.zeros(count, np.int64)
        self.bbox, self.boxes = np.zeros((count, 4), np.float64), np.zeros((count, 4), np.float32)
        self.crowd, self.area = np.zeros(count, bool), np.zeros(count, np.float64)
        self.masks: dict[int, str] = {}

    def put(self, at: int, row: tuple[int, list[float], tuple, int, bool, float, Any] | None) -> None:
        """Note image, bbox, xyxy, label, crowd, area and segmentation of an entry; None leaves it out."""
        if row is None:
            return
        self.image[at], self.bbox[at], self.boxes[at], self.labels[at], self.crowd[at], self.area[at], mask = row
        if mask:
            self.masks[at] = json.dumps(mask)

    def fill(self, columns: Columns, which: np.ndarray, records: Records, category_ids: list[int]) -> None:
        """Note these entries as they stand in the columns."""
        self.image[which] = places(columns.images[which], _ids(records))
        self.labels[which] = places(columns.categories[which], np.array(category_ids, np.int64))
        self.bbox[which] = box = columns.boxes[which]
        sizes = records.sizes[self.image[which]]
        self.boxes[which] = edges(box, sizes)
        self.crowd, area = columns.crowds & which, columns.areas[which]
        self.area[which] = np.where(np.isnan(area), box[:, 2] * box[:, 3], area)
        self.masks |= {at: text for at, text in columns.masks.items() if which[at]}

    def order(self) -> np.ndarray:
        """Entries that were not left out, by image, within an image in their order."""
        kept = np.flatnonzero(self.image != OUT)
        return kept[np.argsort(self.image[kept], kind="stable")]

    def objects(self, order: np.ndarray, images: int) -> Objects:
        """Objects in that order."""
        place = {at: row for row, at in enumerate(order.tolist()) if at in self.masks} if self.masks else {}
        masks = Masks.of({row: self.masks[at] for at, row in place.items()})
        start = np.searchsorted(self.image[order], np.arange(images + 1))
        return Objects(
            start, self.bbox[order], self.boxes[order], self.labels[order], self.crowd[order], self.area[order], masks
        )


def sound(columns: Columns, records: Records, category_ids: list[int]) -> np.ndarray:
    """[N] bool, whether nothing can be said of an entry: what `objects` would find, one by one, is that it is used."""
    image = places(columns.images, _ids(records))
    known = columns.usual & (image != OUT) & (places(columns.categories, np.array(category_ids, np.int64)) != OUT)
    found = np.flatnonzero(known)
    box, area, size = columns.boxes[found], columns.areas[found], records.sizes[image[found]]
    with np.errstate(over="ignore", invalid="ignore"):
        start, sides, end = box[:, :2], box[:, 2:], box[:, :2] + box[:, 2:]
        fine = (abs(box) < LARGEST).all(1) & ((sides > 0) & (start < size) & (end > 0)).all(1) & (box.max(1) > 1)
        inside = edges(box, size)
        fine &= (np.maximum(inside[:, :2] - start, end - inside[:, 2:]) <= ROUNDING).all(1)
        single = inside.astype(np.float32)
        fine &= (single[:, 2:] > single[:, :2]).all(1)
        most, of_box = (sides + MARGIN).prod(1), sides.prod(1)
        fine &= np.isnan(area) | ((area > 0) & (area <= most) & (area < LARGEST) & ((area > 1) | (of_box <= SPECK)))
    known[found] = fine
    return known


def places(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Ids -> place of each among those that are known, OUT for none."""
    if not len(known):
        return np.full(len(wanted), OUT)
    order = np.argsort(known)
    place = order[np.searchsorted(known, wanted, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[place] == wanted, place, OUT)


def edges(box: np.ndarray, size: np.ndarray) -> np.ndarray:
    """x, y, w, h [N, 4] and width, height [N, 2] -> xyxy inside the images [N, 4] float64."""
    return np.concatenate([np.maximum(box[:, :2], 0), np.minimum(box[:, :2] + box[:, 2:], size)], 1)


def _ids(records: Records) -> np.ndarray:
    """Ids of images, none where they are texts."""
    return np.zeros(0, np.int64) if isinstance(records.ids, Texts) else records.ids
