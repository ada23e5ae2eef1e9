"""Matchability-aware loss. Huang et al.: DEIM, 2024, arXiv 2412.04234.

    MAL = sum over classes of  -(q^gamma log(p) + (1 - q^gamma) log(1 - p))   for the class of the label
                               -p^gamma log(1 - p)                            for the others

p: probability, the sigmoid of the logit; q: quality. Unlike varifocal, an object's anchor counts in full however bad
its box is, at q = 0 too. p^gamma is a weight without gradient, as in the released code.

Use it where few anchors have an object and bad boxes are not to be forgotten.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.labels import graded, one_hot, per_anchor
from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0


def mal(logits: Tensor, labels: Tensor, quality: Tensor, gamma: float = 1.5) -> Tensor:
    """Logits [N, C], labels [N], quality [N] in [0, 1] -> [N]; raises ValueError for a gamma below 0."""
    if gamma < 0:
        raise ValueError(f"gamma of mal must be at least 0, got {gamma}")
    x = at_least_float32(logits)
    entropy = F.binary_cross_entropy_with_logits(x, graded(labels, quality**gamma, x), reduction="none")
    weight = torch.where(one_hot(labels, x) > 0, 1, x.detach().sigmoid() ** gamma)
    return per_anchor(weight * entropy, labels)
