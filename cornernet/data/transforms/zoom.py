"""Scale jitter: the image smaller, with room around it, or larger, with its edges cut off."""

import numpy as np

from cornernet.config.ranges import SHARE, Interval
from cornernet.data.geometry import between, cut, kept, mean_colour, resize, scaled_size
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"p": SHARE, "scales": Interval(0.0, 10, "(]"), "least": SHARE}
SCALES = [0.5, 1.5]


def zoom(
    sample: LabelledImage,
    rng: np.random.Generator,
    p: float = 1.0,
    scales: list[float] = SCALES,
    least: float = 0.2,
) -> LabelledImage:
    """Scale what the image shows and keep its size; the room around it has its mean colour.

    p: probability. scales: smallest and largest factor; the place is random. least: see `geometry.kept`.
    """
    if rng.random() >= p:
        return sample
    height, width = sample.image.shape[:2]
    size = scaled_size((height, width), 1 / between(rng, scales))
    y, x = (round(rng.random() * (side - window)) for side, window in zip((height, width), size, strict=True))
    window = cut(sample.image, x, y, size, mean_colour(sample.image))
    image, boxes = resize(window, sample.boxes - np.array([x, y, x, y]), (height, width))
    return kept(LabelledImage(image, boxes, sample.labels), least)
