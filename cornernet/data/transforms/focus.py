"""A window around an object that is brought to a size like its own. Law et al.: CornerNet-Lite, 2019, arXiv 1904.08900.

So an object is shown as a look by attention shows it, at a size between the bounds of its kind: small, medium or large.
"""

import numpy as np

from cornernet.config.ranges import SHARE, WHOLE, Interval
from cornernet.data.geometry import kept, view
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"sizes": Interval(1.0, 2**14, "[]"), "shift": WHOLE, "scales": Interval(0.01, 10, "[]"), "least": SHARE}
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
    it is up to the second now, and so on; never so large that it does not fit. Along each axis it is, half of the time,
    within shift pixels of the window's middle, else anywhere in it. scales: of an image without objects, one of which
    is drawn. least: see `geometry.kept`.
    """
    height, width = sample.image.shape[:2]
    box, drawn, near = np.array([0, 0, width, height]), scales[int(rng.integers(len(scales)))], None
    if len(sample.boxes):
        box = sample.boxes[int(rng.integers(len(sample.boxes)))]
        sides = box[2:] - box[:2]
        drawn = min(_side(rng, sizes, float(sides.max())), *(np.array(input_size[::-1]) / sides))  # so that it fits
        near = shift / drawn
    x, y = (_start(rng, float(box[i]), float(box[i + 2]), input_size[1 - i] / drawn, near) for i in (0, 1))
    image, pad, factor = view(sample.image, (x, y), float(drawn), input_size)
    return kept(LabelledImage(image, sample.boxes * (factor * 2) + np.array(pad * 2), sample.labels), least)


def _side(rng: np.random.Generator, sizes: list[float], now: float) -> float:
    """Draw the longer side of an object of one of `now` pixels -> the scale that gives it."""
    ends = sorted(sizes)
    above = next((at for at, end in enumerate(ends[1:-1], 1) if now <= end), len(ends) - 1)
    return float(rng.uniform(ends[above - 1], ends[above])) / now


def _start(rng: np.random.Generator, low: float, high: float, length: float, shift: float | None) -> float:
    """Draw where a window of a length begins along an axis that holds low..high; shift None: anywhere."""
    ends = sorted((low, high - length))
    near, spread = rng.random() < 0.5, rng.random()
    if shift is None or not near:
        return ends[0] + spread * (ends[1] - ends[0])
    return min(max((low + high - length) / 2 + (2 * spread - 1) * shift, ends[0]), ends[1])
