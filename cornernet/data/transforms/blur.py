"""Gaussian blur."""

import cv2
import numpy as np

from cornernet.config.ranges import SHARE, Interval
from cornernet.data.geometry import between
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"p": SHARE, "sigma": Interval(0.0, 100, "(]")}
SIGMA = [0.3, 1.5]


def blur(
    sample: LabelledImage,
    rng: np.random.Generator,
    p: float = 0.2,
    sigma: list[float] = SIGMA,
) -> LabelledImage:
    """Blur at random, as an image out of focus is.

    p: probability. sigma: smallest and largest width of the Gaussian in pixels.
    """
    if rng.random() >= p:
        return sample
    return sample._replace(image=cv2.GaussianBlur(sample.image, (0, 0), between(rng, sigma)))
