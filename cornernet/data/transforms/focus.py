"""A window around an object that is brought to a size like its own. Law et al.: CornerNet-Lite, 2019, arXiv 1904.08900.

So an object is shown as a look by attention shows it, at a size between the bounds of its kind: small, medium or large.
"""

import numpy as np

from cornernet.config.ranges import SHARE, WHOLE, Interval
from cornernet.data.geometry import cut, kept, resize
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"sizes": Interval(1.0, 2**14, "[]"), "shift": WHOLE, "scales": Interval(0.0, 10, "(]"), "least": SHARE}
SIZES = [16.0, 32.0, 96.0, 255.0]
SCALES = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def focus(
    sample: LabelledImage,
    rng: np.random.Generator,
    input_size: tuple[int, int],
    sizes: list[float] = SIZES,
    shift: int = 14,
    scales: list[float] = SCALES,
    least: float = 0.5,
) -> LabelledImage:
    """Choose an object, draw its longer side, cut out a window of the input's size that holds it.

    sizes: bounds between which an object's longer side is drawn anew, pixels of the input: between the first two where
    it is up to the second now, and so on. Along each axis it is, half of the time, within shift pixels of the window's
    middle, else anywhere in it. scales: of an image without objects, one of which is drawn. least: see `geometry.kept`.
    """
    if len(sample.boxes):
        box = sample.boxes[int(rng.integers(len(sample.boxes)))]
        scale = _side(rng, sizes, float((box[2:] - box[:2]).max()))
    else:
        height, width = sample.image.shape[:2]
        box, scale = np.array([0, 0, width, height]), float(scales[int(rng.integers(len(scales)))])
    size = tuple(max(1, round(length / scale)) for length in input_size)
    x0, y0 = (
        _start(
            rng, float(box[axis]), float(box[axis + 2]), size[1 - axis], shift / scale if len(sample.boxes) else None
        )
        for axis in (0, 1)
    )
    window = cut(sample.image, x0, y0, (size[0], size[1]))
    image, boxes = resize(window, sample.boxes - np.array([x0, y0, x0, y0]), input_size)
    return kept(LabelledImage(image, boxes, sample.labels), least)


def _side(rng: np.random.Generator, sizes: list[float], now: float) -> float:
    """Draw the longer side of an object of one of `now` pixels -> the scale that gives it."""
    ends = sorted(sizes)
    above = next((at for at, end in enumerate(ends[1:-1], 1) if now <= end), len(ends) - 1)
    return float(rng.uniform(ends[above - 1], ends[above])) / now


def _start(rng: np.random.Generator, low: float, high: float, length: int, shift: float | None) -> int:
    """Draw where a window of a length begins along an axis that holds low..high; shift None: anywhere."""
    middle = shift is not None and rng.random() < 0.5
    spread = rng.random()
    if middle and shift is not None:
        return round((low + high - length) / 2 + (2 * spread - 1) * shift)
    ends = sorted((low, high - length))
    return round(ends[0] + spread * (ends[1] - ends[0]))
