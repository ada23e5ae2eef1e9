"""The synthetic set of shapes: drawn on the fly, or written to disk as a COCO set."""

import json
from pathlib import Path

import cv2
import numpy as np

from cornernet.config import Data
from cornernet.data.annotations.ground_truth import annotation, ground_truth
from cornernet.data.problems import Problems
from cornernet.data.shape_drawing import CLASSES, Drawing, draw
from cornernet.data.source import ImageRecord
from cornernet.data.streams import stream

SMALLEST = 32  # pixels a side; below, the classes cannot be told apart


def build(data: Data, split: str) -> "ShapesSet":
    """Section data of the config and "train" or "val" -> the drawn set."""
    shapes, limit = data.shapes, getattr(data, split).limit
    length = shapes.train_images if split == "train" else shapes.val_images
    length = length if limit is None else min(length, limit)
    return ShapesSet(split, length, shapes.size, shapes.max_objects, shapes.seed)


class ShapesSet:
    """Images that are a pure function of (seed, split, index); a Source like any other."""

    origin, root, objects, notes, division = "drawn on the fly", None, None, (), None

    def __init__(self, split: str, length: int, size: int = 127, max_objects: int = 6, seed: int = 0):
        """Split ("train", "val": independent drawings), number of images, their side, most shapes on one, seed."""
        if size < SMALLEST or length < 1 or max_objects < 1:
            raise ValueError(
                f"shapes need a size of at least {SMALLEST} pixels, one image and one object, "
                f"got size {size}, {length} images, max_objects {max_objects}"
            )
        self.split, self.length, self.size, self.max_objects, self.seed = split, length, size, max_objects, seed
        self.class_names, self.category_ids = list(CLASSES), list(range(1, len(CLASSES) + 1))
        self.problems = Problems("shapes", "stop")
        self._last: tuple[int, Drawing] | None = None

    def __len__(self) -> int:
        """Number of images."""
        return self.length

    def drawing(self, i: int) -> Drawing:
        """Everything of image i; the last one is kept, since image, boxes and labels are asked for in turn."""
        if not 0 <= i < self.length:
            raise IndexError(f"image {i} of {self.length}")
        if self._last is None or self._last[0] != i:
            self._last = (i, draw(stream(f"shapes {self.split}", self.seed, i), self.size, self.max_objects))
        return self._last[1]

    def image(self, i: int) -> np.ndarray:
        """Image [size, size, 3] uint8, BGR."""
        return self.drawing(i).image.copy()

    def boxes(self, i: int) -> np.ndarray:
        """Tight boxes [n, 4] float32, xyxy edges."""
        return self.drawing(i).boxes.copy()

    def labels(self, i: int) -> np.ndarray:
        """Classes [n] int64."""
        return self.drawing(i).labels.copy()

    def record(self, i: int) -> ImageRecord:
        """Id (from 1), file name as `write` uses it, size."""
        return ImageRecord(i + 1, f"{i + 1:06d}.png", self.size, self.size)

    def coco(self) -> dict:
        """Ground truth as a COCO dict; area is the number of visible pixels."""
        records, annotations = [self.record(i) for i in range(len(self))], []
        for i in range(len(self)):
            drawing = self.drawing(i)
            for box, label, mask in zip(drawing.boxes, drawing.labels, drawing.masks, strict=True):
                annotations.append(annotation(i + 1, self.category_ids[label], _xywh(box), float(mask.sum())))
        return ground_truth(records, annotations, self.category_ids, self.class_names)


def write(folder: str | Path, shapes: ShapesSet) -> None:
    """Write folder/images/<split>/*.png and folder/annotations/<split>.json, which `read` reads back.

    Raises ValueError where the annotation file exists: it may be somebody's work.
    """
    images, annotations = Path(folder) / "images" / shapes.split, Path(folder) / "annotations"
    if (annotations / f"{shapes.split}.json").exists():
        raise ValueError(f"{annotations / shapes.split}.json exists already; give another folder")
    images.mkdir(parents=True, exist_ok=True)
    annotations.mkdir(parents=True, exist_ok=True)
    for i in range(len(shapes)):
        path = images / shapes.record(i).file_name
        path.write_bytes(cv2.imencode(".png", shapes.image(i))[1].tobytes())
    text = json.dumps(shapes.coco(), ensure_ascii=False)
    (annotations / f"{shapes.split}.json").write_text(text, encoding="utf-8")


def _xywh(box: np.ndarray) -> list[float]:
    x1, y1, x2, y2 = (float(v) for v in box)
    return [x1, y1, x2 - x1, y2 - y1]
