"""Smooth L1. Girshick: Fast R-CNN, 2015, arXiv 1504.08083, equations 2 and 3.

    L = sum over x1, y1, x2, y2 of  d^2 / (2 beta)   where |d| < beta
                                    |d| - beta / 2   elsewhere

d: predicted minus true coordinate; beta: the knee, in the unit of the boxes.

Use it as l1 with a soft landing: the regression loss of Fast R-CNN and its heirs.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0
SPACE = "deltas"


def smooth_l1(boxes1: Tensor, boxes2: Tensor, beta: float = 1.0) -> Tensor:
    """Boxes [N, 4] -> [N]. Fast R-CNN, equation 3."""
    return F.smooth_l1_loss(at_least_float32(boxes1), at_least_float32(boxes2), reduction="none", beta=beta).sum(-1)
