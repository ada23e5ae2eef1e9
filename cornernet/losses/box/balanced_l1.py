"""Balanced L1. Pang, Chen, Shi, Feng, Ouyang, Lin: Libra R-CNN, 2019, arXiv 1904.02701, section 3.3.

    L = sum over x1, y1, x2, y2 of  beta f(|d| / beta),    alpha log(b + 1) = gamma
    f(x) = alpha / b (b x + 1) log(b x + 1) - alpha x   where x < 1
           gamma x + gamma / b - alpha                  elsewhere

d: predicted minus true coordinate. The slope is alpha log(b x + 1) for small errors, the more above smooth L1's x the
smaller alpha is, and gamma for large ones. The paper has the knee at 1 (beta 1); with another the formula scales as
smooth L1's does, so that it has no jump. The paper was not at hand: formula and defaults are those of mmdetection,
which jumps there.

Use it as smooth_l1 that lets the boxes which are nearly right say more and outliers no more than gamma.
"""

from math import expm1

import torch
from torch import Tensor

from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0
SPACE = "deltas"


def balanced_l1(boxes1: Tensor, boxes2: Tensor, alpha: float = 0.5, gamma: float = 1.5, beta: float = 1.0) -> Tensor:
    """Boxes [N, 4] -> [N]. beta: the knee, in the unit of the boxes."""
    if min(alpha, gamma, beta) <= 0:
        raise ValueError(f"alpha, gamma and beta of balanced_l1 must be above 0, got {alpha}, {gamma} and {beta}")
    b = expm1(gamma / alpha)
    x = (at_least_float32(boxes1) - at_least_float32(boxes2)).abs() / beta
    near = alpha / b * (b * x + 1) * (b * x + 1).log() - alpha * x
    return beta * torch.where(x < 1, near, gamma * x + gamma / b - alpha).sum(-1)
