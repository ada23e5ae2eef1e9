"""Two images over each other, with the objects of both. Zhang et al.: mixup, 2018, arXiv 1710.09412."""

from collections.abc import Callable

import cv2
import numpy as np

from cornernet.config.ranges import SHARE, Interval
from cornernet.data.geometry import mean_colour
from cornernet.data.transforms.fit import fitted
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"p": SHARE, "alpha": Interval(1.0), "close": SHARE}


def mixup(
    sample: LabelledImage,
    rng: np.random.Generator,
    others: Callable[[int], list[LabelledImage]],
    progress: float,
    p: float = 0.15,
    alpha: float = 8.0,
    close: float = 0.1,
) -> LabelledImage:
    """Mix the image with another one, which is fitted into its size; the objects of both stay.

    p: probability. alpha: of the beta distribution of their shares; 1: any, more: nearer to a half each. close: share
    of the run's end without it.
    """
    if progress >= 1 - close or rng.random() >= p:
        return sample
    share, (other,) = float(rng.beta(alpha, alpha)), others(1)
    image, boxes, labels = fitted(other, sample.image.shape[:2], mean_colour(other.image))
    mixed = cv2.addWeighted(sample.image, share, image, 1 - share, 0)
    return LabelledImage(mixed, np.concatenate([sample.boxes, boxes]), np.concatenate([sample.labels, labels]))
