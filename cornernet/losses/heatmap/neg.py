"""Focal loss for Gaussian heatmaps. Law, Deng: CornerNet, 2018, arXiv 1808.01244, equation 1.

    L = -1/N sum over cells of  (1 - p)^alpha log(p)               where y = 1
                                (1 - y)^beta p^alpha log(1 - p)    elsewhere

p: probability, the sigmoid of the logit; y: target; N: number of cells with y = 1. The (1 - y)^beta forgives cells near
a corner. The published code keeps p in [1e-4, 1 - 1e-4], beyond which (logits of +-9.2102) there is no gradient.

Use it as CornerNet's own, the default; clamp null where very sure mistakes should still be corrected.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from cornernet.losses.reduce import at_least_float32, positives

WEIGHT = 1.0


def neg(logits: Tensor, target: Tensor, alpha: float = 2.0, beta: float = 4.0, clamp: float | None = 1e-4) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar; clamp None has a gradient everywhere. CornerNet, equation 1."""
    total = _Sum.apply(at_least_float32(logits), at_least_float32(target), alpha, beta, clamp)
    return total / positives(target).clamp(min=1)


class _Sum(torch.autograd.Function):
    """The sum over all cells and its derivative by formula, since autograd's rounds otherwise.

    Only the logits have a gradient, and only a first one.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, alpha: float, beta: float, clamp: float | None) -> Tensor:
        loss, slope = _cells(x, y, alpha, beta, clamp)
        ctx.save_for_backward(slope)
        return loss.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple:
        (slope,) = ctx.saved_tensors
        return slope * grad, *[None] * 4


def _cells(x: Tensor, y: Tensor, alpha: float, beta: float, clamp: float | None) -> tuple[Tensor, Tensor]:
    """Logits, target -> loss of every cell and its derivative by x.

    With q the probability of the right answer, that is p where y = 1 and 1 - p elsewhere, and w = 1 or (1 - y)^beta
    both cases are -w (1 - q)^alpha log(q), whose derivative by the logit of 1 - q is
    w (1 - q)^alpha ((1 - q) - alpha q log(q)).
    """
    corner = at_least_float32(y == 1)
    sign, p = 1 - 2 * corner, x.sigmoid()  # sign: of 1 - q against p
    slope = sign
    if clamp is not None:
        slope = sign * ((p > clamp) & (p < 1 - clamp))
        p = p.clamp(clamp, 1 - clamp)
    wrong, right = corner + sign * p, 1 - corner - sign * p
    weight = (_power(1 - y, beta) + corner) * _power(wrong, alpha)
    bits = weight * F.logsigmoid(-sign * x) if clamp is None else torch.xlogy(weight, right)
    return -bits, slope * (weight * wrong - alpha * right * bits)


def _power(x: Tensor, exponent: float) -> Tensor:
    """x^exponent; torch has a fast square, but no fast fourth power."""
    return x.square().square() if exponent == 4 else x**exponent
