"""A window at a random scale and place, resized to the network's input: the published crop."""

import numpy as np

from cornernet.config.ranges import WHOLE, Interval
from cornernet.data.geometry import cut, resize
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"scales": Interval(0.0, 10, "(]"), "border": WHOLE}
SCALES = [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3]


def crop(
    sample: LabelledImage,
    rng: np.random.Generator,
    input_size: tuple[int, int],
    scales: list[float] = SCALES,
    border: int = 128,
) -> LabelledImage:
    """Cut a window out; zeros where it leaves the image.

    scales: sides of the window relative to the input, above 1 the objects get smaller. border: pixels of the image that
    the window's centre keeps from its edges, halved until it fits.
    """
    scale = float(scales[int(rng.integers(len(scales)))])
    x, y = rng.random(2)
    return cropped(sample, input_size, scale, (float(x), float(y)), border)


def cropped(
    sample: LabelledImage, input_size: tuple[int, int], scale: float, centre: tuple[float, float], border: int
) -> LabelledImage:
    """The window of input_size * scale around a centre, in [0, 1) of what the border leaves, resized to the input."""
    size = (max(1, int(input_size[0] * scale)), max(1, int(input_size[1] * scale)))
    x0, y0 = window(sample.image.shape[:2], size, centre, border)
    image, boxes = resize(cut(sample.image, x0, y0, size), sample.boxes - np.array([x0, y0, x0, y0]), input_size)
    return LabelledImage(image, boxes, sample.labels)


def window(
    image_size: tuple[int, ...], crop_size: tuple[int, int], centre: tuple[float, float], border: int
) -> tuple[int, int]:
    """Sizes (height, width), centre in [0, 1), border -> (x0, y0) of the crop, negative where it leaves the image."""
    starts = []
    for length, crop, fraction in zip(image_size[::-1], crop_size[::-1], centre, strict=True):
        low = margin(border, length)
        starts.append(low + int(fraction * (length - 2 * low)) - crop // 2)
    return starts[0], starts[1]


def margin(border: int, length: int) -> int:
    """Border in pixels, halved until two of them leave a pixel of the length between them."""
    while length - border <= border and border > 0:
        border //= 2
    return border
