"""The synthetic set of shapes: drawn on the fly, or written to disk as a COCO set."""

import json
from functools import partial
from pathlib import Path

import cv2

from cornernet.config import Data
from cornernet.data.drawn import DrawnSet, length_of
from cornernet.data.shape_drawing import CLASSES, draw

SMALLEST = 32  # pixels a side; below, the classes cannot be told apart


def build(data: Data, split: str) -> "ShapesSet":
    """Section data of the config and "train" or "val" -> the drawn set."""
    shapes = data.shapes
    length = length_of(data, split, shapes.train_images, shapes.val_images)
    return ShapesSet(split, length, shapes.size, shapes.max_objects, shapes.seed)


class ShapesSet(DrawnSet):
    """Coloured shapes on square images."""

    def __init__(self, split: str, length: int, size: int = 127, max_objects: int = 6, seed: int = 0):
        """Split ("train", "val": independent drawings), number of images, their side, most shapes on one, seed."""
        if size < SMALLEST or length < 1 or max_objects < 1:
            raise ValueError(
                f"shapes need a size of at least {SMALLEST} pixels, one image and one object, "
                f"got size {size}, {length} images, max_objects {max_objects}"
            )
        self.size, self.max_objects = size, max_objects
        draws = partial(draw, size=size, max_objects=max_objects)
        super().__init__("shapes", split, length, seed, (size, size), CLASSES, draws)


def write(folder: str | Path, shapes: DrawnSet) -> None:
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
