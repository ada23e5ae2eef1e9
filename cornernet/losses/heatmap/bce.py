"""Binary cross entropy of every cell with its Gaussian target, as a plain baseline.

    L = -1/N sum over cells of  y log(p) + (1 - y) log(1 - p)

p: probability, the sigmoid of the logit; y: target; N: number of cells with y = 1. With targets between 0 and 1 the
least value is their entropy, not 0.

Use it as the plain baseline: millions of dark cells drown the few corners.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import at_least_float32, per_positive

WEIGHT = 1.0


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar."""
    x, y = at_least_float32(logits), at_least_float32(target)
    return per_positive(F.binary_cross_entropy_with_logits(x, y, reduction="none"), target)
