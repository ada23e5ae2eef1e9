"""Gaussian noise on every pixel and channel."""

import numpy as np

from cornernet.config.ranges import SHARE, Interval
from cornernet.data.geometry import between
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"p": SHARE, "std": Interval(0.0, 255, "[]")}
STD = [2.0, 10.0]


def noise(
    sample: LabelledImage,
    rng: np.random.Generator,
    p: float = 0.2,
    std: list[float] = STD,
) -> LabelledImage:
    """Add noise at random, as a sensor does in the dark.

    p: probability. std: smallest and largest standard deviation, of 255 grey levels.
    """
    if rng.random() >= p:
        return sample
    added = rng.standard_normal(sample.image.shape, np.float32) * np.float32(between(rng, std))
    return sample._replace(image=(sample.image + added).round().clip(0, 255).astype(np.uint8))
