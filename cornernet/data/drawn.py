"""A set that is drawn when it is asked for: images that are a pure function of (seed, split, index)."""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Protocol

import numpy as np

from cornernet.config import Data
from cornernet.data.annotations.ground_truth import annotation, ground_truth
from cornernet.data.problems import Problems
from cornernet.data.source import ImageRecord
from cornernet.data.streams import stream


class Drawing(Protocol):
    """An image [H, W, 3] uint8 BGR and its objects: boxes [n, 4] float32 edges, labels [n] int64, areas [n] pixels."""

    @property
    def image(self) -> np.ndarray: ...  # noqa: D102
    @property
    def boxes(self) -> np.ndarray: ...  # noqa: D102
    @property
    def labels(self) -> np.ndarray: ...  # noqa: D102
    @property
    def areas(self) -> np.ndarray: ...  # noqa: D102


class DrawnSet:
    """A Source like any other, whose images come from a function of a random generator."""

    origin, root, objects, notes, division = "drawn on the fly", None, None, (), None

    def __init__(
        self, name: str, split: str, length: int, seed: int, size: tuple[int, int], class_names: Sequence[str],
        draw: Callable[[np.random.Generator], Drawing],
    ):  # fmt: skip
        """Name; split ("train", "val": independent drawings); number and (height, width) of the images; classes."""
        self.name, self.split, self.length, self.seed, self.shape = name, split, length, seed, size
        self.begin = 0  # image of the whole set that is the first of this one
        self.class_names, self.category_ids = list(class_names), list(range(1, len(class_names) + 1))
        self.problems, self.draw = Problems(name, "stop"), draw
        self._last: tuple[int, Drawing] | None = None

    def __len__(self) -> int:
        """Number of images."""
        return self.length

    def drawing(self, i: int) -> Drawing:
        """Everything of image i; the last one is kept, since image, boxes and labels are asked for in turn."""
        if not 0 <= i < self.length:
            raise IndexError(f"image {i} of {self.length}")
        if self._last is None or self._last[0] != i:
            self._last = (i, self.draw(stream(f"{self.name} {self.split}", self.seed, self.begin + i)))
        return self._last[1]

    def image(self, i: int) -> np.ndarray:
        """Image [H, W, 3] uint8, BGR."""
        return self.drawing(i).image.copy()

    def boxes(self, i: int) -> np.ndarray:
        """Boxes [n, 4] float32, xyxy edges."""
        return self.drawing(i).boxes.copy()

    def labels(self, i: int) -> np.ndarray:
        """Classes [n] int64."""
        return self.drawing(i).labels.copy()

    def record(self, i: int) -> ImageRecord:
        """Id (from 1), file name as `shapes.write` uses it, size."""
        number = self.begin + i + 1
        return ImageRecord(number, f"{number:06d}.png", self.shape[1], self.shape[0])

    def coco(self) -> dict:
        """Ground truth as a COCO dict; area is the number of visible pixels."""
        records, annotations = [self.record(i) for i in range(len(self))], []
        for i in range(len(self)):
            drawing = self.drawing(i)
            for box, label, area in zip(drawing.boxes, drawing.labels, drawing.areas, strict=True):
                annotations.append(annotation(records[i].image_id, self.category_ids[label], _xywh(box), float(area)))
        return ground_truth(records, annotations, self.category_ids, self.class_names)


def part(source: DrawnSet, begin: int, length: int) -> DrawnSet:
    """So many images of a set, from one on."""
    made = copy(source)
    made.begin, made.length, made._last = source.begin + begin, length, None
    return made


def length_of(data: Data, split: str, train_images: int, val_images: int) -> int:
    """Images of a split: as many as its section says, at most as many as its limit."""
    length, limit = train_images if split == "train" else val_images, getattr(data, split).limit
    return length if limit is None else min(length, limit)


def _xywh(box: np.ndarray) -> list[float]:
    x1, y1, x2, y2 = (float(v) for v in box)
    return [x1, y1, x2 - x1, y2 - y1]
