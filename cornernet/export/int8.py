"""The training images on which an int8 file is calibrated; how it is quantised is its format's business."""

from functools import partial

import numpy as np

from cornernet.config import Data
from cornernet.data import build_source, patiently
from cornernet.prediction import FixedCanvas, fit

SEED = 0  # of the choice of images


def calibration(data: Data, size: tuple[int, int], count: int, batch: int, typed: bool = False) -> list[np.ndarray]:
    """Training images as evaluation fits them -> batches uint8 [batch, 3, H, W]; `count` images, or all there are.

    typed as for `build_source`. The choice depends on the number of images alone; the last batch is filled up with the
    first image. Raises ValueError where they cannot be read.
    """
    try:
        source = build_source(data, "train", quiet=True, typed=typed)
        chosen = np.random.default_rng(SEED).permutation(len(source))[:count]
        fixed = FixedCanvas(size)
        fitted = [
            fit(fixed, patiently(partial(source.image, int(i))), longest_side=data.longest_side).canvas for i in chosen
        ]
    except (ValueError, OSError) as error:
        raise ValueError(f"precision=int8 is calibrated on training images, which cannot be read: {error}") from error
    if not fitted:
        raise ValueError("precision=int8 is calibrated on training images, and the training split has none")
    fitted += fitted[:1] * (-len(fitted) % batch)
    images = np.stack(fitted).transpose(0, 3, 1, 2)
    return [np.ascontiguousarray(images[i : i + batch]) for i in range(0, len(images), batch)]
