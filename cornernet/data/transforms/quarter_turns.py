"""Turns by 90, 180 and 270 degrees."""

import cv2
import numpy as np

from cornernet.config.ranges import Interval
from cornernet.data.geometry import mean_colour
from cornernet.data.transforms.fit import fitted
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"p": Interval(0, 1 / 3, "[]")}
TURNS = (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)


def quarter_turns(
    sample: LabelledImage, rng: np.random.Generator, input_size: tuple[int, int], p: float = 0.25
) -> LabelledImage:
    """Turn at random, where images have no top (microscopes, satellites).

    p: probability of each of the three. An image that has the input's size already, as behind a crop, keeps it: where
    that is no square, what was turned by 90 or 270 degrees is fitted into it, with its mean colour around.
    """
    turns = int(rng.random() / p) + 1 if p else 4
    if turns > len(TURNS):
        return sample
    found = turned(sample, turns)
    if sample.image.shape[:2] != input_size or found.image.shape[:2] == input_size:
        return found
    return fitted(found, input_size, mean_colour(found.image))


def turned(sample: LabelledImage, turns: int) -> LabelledImage:
    """The image, turned clockwise by so many times 90 degrees, 1 to 3; a box encloses the same content as before."""
    (height, width), boxes = sample.image.shape[:2], sample.boxes
    for _ in range(turns):
        boxes = np.stack([height - boxes[:, 3], boxes[:, 0], height - boxes[:, 1], boxes[:, 2]], 1)
        height, width = width, height
    return LabelledImage(cv2.rotate(sample.image, TURNS[turns - 1]), boxes, sample.labels)
