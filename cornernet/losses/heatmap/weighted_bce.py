"""Binary cross entropy in which what is lit weighs more than what is dark, by a constant.

    L = -1/N sum over cells of  w y log(p) + (1 - y) log(1 - p)

p: probability, the sigmoid of the logit; y: target; w: weight of the lit part; N: number of cells with y = 1.

Use it to see what one constant against the imbalance is worth.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import at_least_float32, per_positive

WEIGHT = 1.0


def weighted_bce(logits: Tensor, target: Tensor, pos_weight: float = 10.0) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar."""
    x, y = at_least_float32(logits), at_least_float32(target)
    return per_positive(-(pos_weight * y * F.logsigmoid(x) + (1 - y) * F.logsigmoid(-x)), target)
