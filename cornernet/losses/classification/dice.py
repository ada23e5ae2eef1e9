"""Dice loss of each anchor over its classes. Milletari, Navab, Ahmadi: V-Net, 2016, arXiv 1606.04797, section 3.

    L = 1 - (2 sum p y + s) / (sum p^k + sum y^k + s)

k: the power, 2 as in the paper, 1 for |X| + |Y| as in Dice's coefficient of sets; p: probability, the sigmoid of the
logit; y: 1 for the class of the label, 0 for the others; s: keeps background, where y is 0 everywhere, from dividing by
nothing. The sums run over the classes.

Use it where each anchor should count alike whatever its class; it has a gradient in the middle only.
"""

from typing import Literal

import torch
from torch import Tensor

from cornernet.losses.labels import counted, one_hot
from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0


def dice(logits: Tensor, labels: Tensor, smooth: float = 1.0, power: Literal[1, 2] = 2) -> Tensor:
    """Logits [N, C], labels [N] -> [N] in [0, 1]. V-Net, section 3."""
    x = at_least_float32(logits)
    p, y = x.sigmoid(), one_hot(labels, x)
    loss = 1 - (2 * (p * y).sum(1) + smooth) / ((p**power + y**power).sum(1) + smooth)
    return torch.where(counted(labels), loss, 0)
