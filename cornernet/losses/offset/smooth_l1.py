"""Smooth L1. Girshick: Fast R-CNN, 2015, arXiv 1504.08083, equation 3. Law, Deng: CornerNet, 2018, arXiv 1808.01244,
equation 3.

    L = 1/N sum over objects, x and y of  d^2 / (2 beta)   where |d| < beta
                                          |d| - beta / 2   elsewhere

d: predicted minus true offset; beta: the knee; N: number of objects.

Use it as CornerNet's own, the default.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import occupied, per_object

WEIGHT = 1.0


def smooth_l1(pred: Tensor, target: Tensor, mask: Tensor, beta: float = 1.0) -> Tensor:
    """Offsets [B, M, 2], mask [B, M] -> scalar. CornerNet, equation 3."""
    total = F.smooth_l1_loss(occupied(pred, mask), occupied(target, mask), reduction="sum", beta=beta)
    return per_object(total, mask)
