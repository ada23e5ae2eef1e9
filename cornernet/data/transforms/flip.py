"""Flips, left-right and top-bottom."""

import cv2
import numpy as np

from cornernet.config.ranges import SHARE
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"p": SHARE, "vertical": SHARE}


def flip(sample: LabelledImage, rng: np.random.Generator, p: float = 0.5, vertical: float = 0.0) -> LabelledImage:
    """Flip at random.

    p: probability of a flip left-right. vertical: probability of one top-bottom (microscopes, satellites).
    """
    horizontally, vertically = rng.random(2)
    return flipped(sample, bool(horizontally < p), bool(vertically < vertical))


def flipped(sample: LabelledImage, horizontal: bool, vertical: bool) -> LabelledImage:
    """The image, flipped left-right and/or top-bottom; a box encloses the same content as before."""
    image, boxes, labels = sample
    height, width = image.shape[:2]
    if horizontal:
        boxes = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)
    if vertical:
        boxes = np.stack([boxes[:, 0], height - boxes[:, 3], boxes[:, 2], height - boxes[:, 1]], 1)
    if horizontal or vertical:
        image = cv2.flip(image, -1 if horizontal and vertical else int(horizontal))
    return LabelledImage(image, boxes, labels)
