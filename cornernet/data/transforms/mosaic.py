"""Four images in the quarters of one. Bochkovskiy, Wang, Liao: YOLOv4, 2020, arXiv 2004.10934."""

from collections.abc import Callable

import numpy as np

from cornernet.config.ranges import SHARE, Interval
from cornernet.data.geometry import between, kept, place, resize
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"p": SHARE, "scales": Interval(0.0, 10, "(]"), "least": SHARE, "close": SHARE}
SCALES = [0.4, 1.0]
CENTRE = [0.3, 0.7]  # where the four meet, in shares of the input's sides


def mosaic(
    sample: LabelledImage,
    rng: np.random.Generator,
    input_size: tuple[int, int],
    others: Callable[[int], list[LabelledImage]],
    progress: float,
    p: float = 0.5,
    scales: list[float] = SCALES,
    least: float = 0.2,
    close: float = 0.1,
) -> LabelledImage:
    """Put parts of this image and of three others into the quarters of one of the input's size.

    p: probability. scales: smallest and largest size of an image, 1 where the whole fits the input; one that would not
    fill its quarter is enlarged until it does. least: see `geometry.kept`. close: share of the run's end without it.
    """
    if progress >= 1 - close or rng.random() >= p:
        return sample
    height, width = input_size
    y, x = (max(1, int(length * between(rng, CENTRE))) for length in input_size)
    places = [(0, 0, y, x), (0, x, y, width), (y, 0, height, x), (y, x, height, width)]
    out, boxes, labels = np.empty((height, width, 3), np.uint8), [], []
    for one, (top, left, bottom, right) in zip([sample, *others(3)], places, strict=True):
        part = kept(_part(one, rng, (bottom - top, right - left), input_size, between(rng, scales)), least)
        out[top:bottom, left:right] = part.image
        boxes.append(part.boxes + np.array([left, top, left, top]))
        labels.append(part.labels)
    return LabelledImage(out, np.concatenate(boxes), np.concatenate(labels))


def _part(
    sample: LabelledImage, rng: np.random.Generator, size: tuple[int, int], input_size: tuple[int, int], scale: float
) -> LabelledImage:
    """A window of the image at a random place, resized to the quarter's size."""
    sides = sample.image.shape[:2]
    scale = max(scale * min(np.divide(input_size, sides)), *np.divide(size, sides))
    rows, columns = (min(side, max(1, round(length / scale))) for side, length in zip(sides, size, strict=True))
    y, x = place(rng, sides, (rows, columns))
    image, boxes = resize(sample.image[y : y + rows, x : x + columns], sample.boxes - np.array([x, y, x, y]), size)
    return LabelledImage(image, boxes, sample.labels)
