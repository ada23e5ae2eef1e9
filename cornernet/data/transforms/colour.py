"""Colour jitter: brightness, contrast and saturation in random order, as in the published code."""

import numpy as np
import torch
from torch import Tensor

from cornernet.config.ranges import Interval
from cornernet.data.device import constant

WHERE = "device"
RANGES = {"strength": Interval(0, 1)}
GREY = (0.114, 0.587, 0.299)  # ITU-R BT.601 luma of blue, green, red


def colour(rng: np.random.Generator, strength: float = 0.4) -> dict[str, np.ndarray]:
    """Draw the order of the three, [3] int64 (0 brightness, 1 contrast, 2 saturation), and their factors - 1, [3].

    strength: the factors lie between 1 - strength and 1 + strength; 0: off.
    """
    order = rng.permutation(3).astype(np.int64)
    alpha = rng.uniform(-1, 1, 3) * strength
    return {"order": order, "alpha": alpha.astype(np.float32)}


def change_colours(means: Tensor, order: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Mean colours [B, 3] in 0..1, order and alpha [B, 3] -> matrix [B, 3, 3] and flat [B, 3].

    Every step of the jitter moves an image towards something: brightness towards black, contrast towards its mean
    grey, saturation towards its grey image, both taken before the jitter. So any number of steps in any order is a
    matrix on the colours and what is added to them.
    """
    weights = constant(GREY, means.device, means.dtype)
    own, of_grey, of_mean = _mixture(order, alpha)
    matrix = torch.diag_embed(own[:, None].expand(-1, 3)) + of_grey[:, None, None] * weights
    return matrix, (of_mean * (means * weights).sum(1))[:, None].expand(-1, 3)


def _mixture(order: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Order and alpha [B, 3] -> the factors [B] of the image, its grey image and its mean grey."""
    own, of_grey, of_mean = torch.ones_like(alpha[:, 0]), torch.zeros_like(alpha[:, 0]), torch.zeros_like(alpha[:, 0])
    for step in range(3):
        factor, towards = 1 + alpha[:, step], -alpha[:, step]
        own = own * factor
        of_mean = of_mean * factor + towards * (order[:, step] == 1)
        of_grey = of_grey * factor + towards * (order[:, step] == 2)
    return own, of_grey, of_mean
