"""Varifocal loss. Zhang, Wang, Dayoub, Suenderhauf: VarifocalNet, 2020, arXiv 2008.13367, equation 2.

    VFL = -1/N sum over cells of  y (y log(p) + (1 - y) log(1 - p))   where y > 0
                                  alpha p^gamma log(1 - p)            where y = 0

p: probability, the sigmoid of the logit; y: target; N: number of cells with y = 1. Only what is entirely dark is
played down; the rest counts by its grade.

Use it where the few lit cells should lead and the dark ones be played down.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import at_least_float32, per_positive

WEIGHT = 1.0


def varifocal(logits: Tensor, target: Tensor, alpha: float = 0.75, gamma: float = 2.0) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar. VarifocalNet, equation 2."""
    x, y = at_least_float32(logits), at_least_float32(target)
    return per_positive(varifocal_entropy(x, y, alpha, gamma), target)


def varifocal_entropy(x: Tensor, y: Tensor, alpha: float, gamma: float) -> Tensor:
    """Logits and targets of any one shape -> varifocal loss of every element."""
    lit = y * F.binary_cross_entropy_with_logits(x, y, reduction="none")
    # powers by exp: the gradient of a power is infinite at 0 for exponents below 1
    dark = -alpha * (gamma * F.logsigmoid(x)).exp() * F.logsigmoid(-x)
    return torch.where(y > 0, lit, dark)
