"""Focal loss for Gaussian heatmaps. Law, Deng: CornerNet, 2018, arXiv 1808.01244, equation 1.

    L = -1/N sum over cells of  (1 - p)^alpha log(p)               where y = 1
                                (1 - y)^beta p^alpha log(1 - p)    elsewhere

p: probability, the sigmoid of the logit; y: target; N: number of cells with y = 1. The (1 - y)^beta forgives cells near
a corner. The published code keeps p in [1e-4, 1 - 1e-4], beyond which (logits of +-9.2102) there is no gradient.

Use it as CornerNet's own, the default; clamp null where very sure mistakes should still be corrected.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import at_least_float32, per_positive


def neg(logits: Tensor, target: Tensor, alpha: float = 2.0, beta: float = 4.0, clamp: float | None = 1e-4) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar; clamp None has a gradient everywhere. CornerNet, equation 1."""
    x, y = at_least_float32(logits), at_least_float32(target)
    if clamp is None:
        log_p, log_q = F.logsigmoid(x), F.logsigmoid(-x)
    else:
        p = x.sigmoid().clamp(clamp, 1 - clamp)
        log_p, log_q = p.log(), (1 - p).log()
    # powers by exp: the gradient of a power is infinite at 0 for exponents below 1
    loss = torch.where(y == 1, (alpha * log_q).exp() * log_p, (1 - y) ** beta * (alpha * log_p).exp() * log_q)
    return per_positive(-loss, target)
