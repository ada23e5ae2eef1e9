"""Lighting: noise along the principal components of COCO's colours (Krizhevsky et al. 2012)."""

import numpy as np
import torch
from torch import Tensor

from cornernet.config.ranges import NOT_NEGATIVE
from cornernet.data.device import constant

WHERE = "device"
RANGES = {"std": NOT_NEGATIVE}
# Principal components of COCO's colours, rows B, G, R; numbers of the published CornerNet.
EIGENVALUES = (0.2141788, 0.01817699, 0.00341571)
EIGENVECTORS = (
    (-0.58752847, -0.69563484, 0.41340352),
    (-0.5832747, 0.00994535, -0.81221408),
    (-0.56089297, 0.71832671, 0.41158938),
)


def lighting(rng: np.random.Generator, std: float = 0.1) -> dict[str, np.ndarray]:
    """Draw the weights of the three components, [3].

    std: their standard deviation; 0: off.
    """
    return {"light": (rng.normal(0, 1, 3) * std).astype(np.float32)}


def change_colours(means: Tensor, light: Tensor) -> tuple[Tensor, Tensor]:
    """Mean colours and weights of the components [B, 3] -> the identity [B, 3, 3] and what is added, [B, 3]."""
    values = constant(EIGENVALUES, light.device, light.dtype)
    vectors = constant(EIGENVECTORS, light.device, light.dtype)
    identity = torch.eye(3, device=means.device, dtype=means.dtype).expand(len(means), 3, 3)
    return identity, ((light * values)[:, None] * vectors).sum(2)
