"""Rectangles without content. DeVries, Taylor: Cutout, 2017, arXiv 1708.04552."""

import numpy as np

from cornernet.config.ranges import COUNT, SHARE, Interval
from cornernet.data.geometry import between, covered, kept, mean_colour, place
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"p": SHARE, "count": COUNT, "sides": Interval(0.0, 1, "(]"), "least": SHARE}
SIDES = [0.05, 0.25]


def cut_out(
    sample: LabelledImage,
    rng: np.random.Generator,
    p: float = 0.5,
    count: int = 3,
    sides: list[float] = SIDES,
    least: float = 0.3,
) -> LabelledImage:
    """Fill rectangles of the image with its mean colour.

    p: probability. count: most rectangles. sides: smallest and largest side, in shares of the image's. least: share of
    an object that must be left beside them; see `geometry.kept`.
    """
    if rng.random() >= p:
        return sample
    image, holes = sample.image.copy(), np.zeros(sample.image.shape[:2], bool)
    for _ in range(int(rng.integers(1, count + 1))):
        rows, columns = (max(1, round(side * between(rng, sides))) for side in sample.image.shape[:2])
        y, x = place(rng, sample.image.shape, (rows, columns))
        holes[y : y + rows, x : x + columns] = True
    image[holes] = mean_colour(sample.image)
    return kept(sample._replace(image=image), least, covered(sample.boxes, holes))
