"""An image with its objects, as every format takes it, and numbers as texts."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from cornernet.data.source import ImageRecord


class Labelled(NamedTuple):
    """An image and its objects, labelled by a person or found by a detector."""

    record: ImageRecord  # its file name is relative to the folder of the images
    boxes: np.ndarray  # [n, 4] float, xyxy edges in the image's pixels
    labels: np.ndarray  # [n] int, place in the class names
    scores: np.ndarray | None = None  # [n] float; None: a person said so
    crowds: np.ndarray | None = None  # [n] bool, not one object but many, or one too difficult to count; None: none
    areas: np.ndarray | None = None  # [n] float, square pixels, where they are known to differ from the boxes'
    masks: Mapping[int, Any] = MappingProxyType({})  # row -> segmentation in the terms of COCO, of crowds

    def objects(self) -> list[tuple[int, list[float], int, bool, float | None]]:
        """Row, edges, label, whether it is a crowd, and score of each object."""
        count = len(self.boxes)
        crowds = [False] * count if self.crowds is None else self.crowds.tolist()
        scores = [None] * count if self.scores is None else self.scores.tolist()
        return list(zip(range(count), self.boxes.tolist(), self.labels.tolist(), crowds, scores, strict=True))


def digits(value: float, most: int) -> str:
    """Number with at most so many digits behind its point, and no zeros at its end."""
    text = f"{value:.{most}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
