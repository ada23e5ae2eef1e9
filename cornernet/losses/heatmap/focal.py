"""Focal loss. Lin, Goyal, Girshick, He, Dollar: RetinaNet, 2017, arXiv 1708.02002, equation 5.

    FL = -1/N sum over cells of  alpha_t (1 - p_t)^gamma log(p_t)

p_t = p and alpha_t = alpha where y = 1; p_t = 1 - p and alpha_t = 1 - alpha where y = 0; in between, p_t and alpha_t
are mixed by y and the logarithm becomes the cross entropy of p and y. p: probability, the sigmoid of the logit; y:
target; N: number of cells with y = 1.

Use it to compare with RetinaNet's; it does not forgive cells beside a corner, so peaks come out sharper and rarer.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import at_least_float32, per_positive

WEIGHT = 1.0


def focal(logits: Tensor, target: Tensor, alpha: float | None = 0.25, gamma: float = 2.0) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar. RetinaNet, equation 5.

    alpha None, or below 0 as torchvision has it, weighs all cells alike.
    """
    return per_positive(focal_entropy(at_least_float32(logits), at_least_float32(target), alpha, gamma), target)


def focal_entropy(x: Tensor, y: Tensor, alpha: float | None, gamma: float) -> Tensor:
    """Logits and targets of one shape -> what every cell adds to the sum, same shape."""
    entropy = F.binary_cross_entropy_with_logits(x, y, reduction="none")
    # 1 - p_t = p (1 - y) + (1 - p) y; bounded below because a power's gradient may be infinite at 0
    miss = (x.sigmoid() * (1 - y) + (-x).sigmoid() * y).clamp(min=1e-12)
    alpha_t = 1.0 if alpha is None or alpha < 0 else alpha * y + (1 - alpha) * (1 - y)
    return alpha_t * miss**gamma * entropy
