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

from cornernet.losses.one_pass import summed
from cornernet.losses.reduce import at_least_float32, positives, true


def neg(logits: Tensor, target: Tensor, alpha: float = 2.0, beta: float = 4.0, clamp: float | None = 1e-4) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar; clamp None has a gradient everywhere. CornerNet, equation 1."""
    total = summed(_cells, at_least_float32(logits), at_least_float32(target), alpha, beta, clamp)
    return total / positives(target).clamp(min=1)


def _cells(x: Tensor, y: Tensor, alpha: float, beta: float, clamp: float | None) -> tuple[Tensor, Tensor]:
    """Logits, target -> loss of every cell and its derivative by x.

    With q the probability of the right answer, that is p where y = 1 and 1 - p elsewhere, and w = 1 or (1 - y)^beta
    both cases are -w (1 - q)^alpha log(q), whose derivative by the logit of 1 - q is
    w (1 - q)^alpha ((1 - q) - alpha q log(q)).
    """
    corner = true(torch.eq, y, 1)
    sign, p, inside = 1 - 2 * corner, x.sigmoid(), 1.0  # sign: of 1 - q against p
    if clamp is not None:
        inside = true(torch.gt, p, clamp) * true(torch.lt, p, 1 - clamp)
        p = p.clamp(clamp, 1 - clamp)
    wrong, right = corner + sign * p, 1 - corner - sign * p
    weight = (_power(1 - y, beta) + corner) * _power(wrong, alpha)
    # xlogy, because torch's log of a tensor this small waits for its other threads
    bits = weight * F.logsigmoid(-sign * x) if clamp is None else torch.xlogy(weight, right)
    return -bits, sign * inside * (weight * wrong - alpha * right * bits)


def _power(x: Tensor, exponent: float) -> Tensor:
    """x^exponent; torch has a fast square, but no fast fourth power."""
    return x.square().square() if exponent == 4 else x**exponent
