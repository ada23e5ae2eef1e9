"""Quality focal loss. Li et al.: Generalized Focal Loss, 2020, arXiv 2006.04388.

    QFL = -1/N sum over cells of  |y - p|^beta ((1 - y) log(1 - p) + y log(p))

p: probability, the sigmoid of the logit; y: target, any grade between 0 and 1; N: number of cells with y = 1. The
factor is 0 where p is y, so unlike bce a right answer is free at every grade.

Use it where the Gaussian's grades themselves are to be learnt.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import at_least_float32, per_positive

WEIGHT = 1.0


def quality_focal(logits: Tensor, target: Tensor, beta: float = 2.0) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar."""
    x, y = at_least_float32(logits), at_least_float32(target)
    return per_positive(quality_entropy(x, y, beta), target)


def quality_entropy(x: Tensor, y: Tensor, beta: float) -> Tensor:
    """Logits and targets of any one shape -> quality focal loss of every element."""
    entropy = F.binary_cross_entropy_with_logits(x, y, reduction="none")
    # bounded below because a power's gradient may be infinite at 0
    return (y - x.sigmoid()).abs().clamp(min=1e-12) ** beta * entropy
