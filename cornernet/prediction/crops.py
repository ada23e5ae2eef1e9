"""Objects cut out of their image."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cornernet.prediction import media

LONGEST = 80  # characters of a folder's name


class Crop(NamedTuple):
    """One object."""

    name: str  # of its class
    score: float
    image: np.ndarray  # [h, w, 3] uint8 BGR, at least one pixel


def cut(
    image: np.ndarray, boxes: Sequence[Sequence[float]], names: Sequence[str], scores: Sequence[float]
) -> list[Crop]:
    """Image and xyxy boxes in its pixels -> a Crop of each, all pixels that the box touches."""
    height, width = image.shape[:2]
    found = []
    for (x1, y1, x2, y2), name, score in zip(boxes, names, scores, strict=True):
        left, top = min(max(0, math.floor(x1)), width - 1), min(max(0, math.floor(y1)), height - 1)
        right, bottom = max(left + 1, math.ceil(x2)), max(top + 1, math.ceil(y2))
        found.append(Crop(name, score, image[top:bottom, left:right].copy()))
    return found


def write_crops(folder: Path, crops: Sequence[Crop], image: str) -> list[Path]:
    """Write each as CLASS/IMAGE-N.png, N counting from 1 in the class; image: name of the file -> their paths."""
    count: Counter[str] = Counter()
    paths = []
    for crop in crops:
        inside = class_folder(crop.name)
        count[inside] += 1
        paths.append(folder / inside / f"{image}-{count[inside]}.png")
        media.write_image(paths[-1], crop.image)
    return paths


def class_folder(name: str) -> str:
    """Class name -> a name that any file system takes for a folder, and that leads nowhere else."""
    return re.sub(r"[^\w .()+-]", "_", name).strip(" .")[:LONGEST] or "_"
