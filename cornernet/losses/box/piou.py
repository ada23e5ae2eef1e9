"""Powerful IoU (not Pixels-IoU). Liu, Wang, Li, Zhao, Zhao, Ma, Neural Networks 170, 2024,
doi 10.1016/j.neunet.2023.11.041.

    P = (|x1 - x1g| / wg + |x2 - x2g| / wg + |y1 - y1g| / hg + |y2 - y2g| / hg) / 4
    version 1    L = 1 - IoU + 1 - exp(-P^2)
    version 2    L = 3 x exp(-x^2) L of version 1,    x = lambda exp(-P)

P: mean gap between the edges in sizes of the target, which unlike a distance over the enclosing box never falls when a
prediction is blown up; lambda: `focus`. The factor of version 2 is largest at a medium P; it is a weight and carries no
gradient here: with one, boxes far from their target would be driven farther away.

Use it where predictions swell to reach their target; version 2 where medium errors should lead.
"""

from typing import Literal

import torch
from torch import Tensor

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou, box_wh

WEIGHT = 2.0
SPACE = "boxes"


def piou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7, version: Literal[1, 2] = 1, focus: float = 1.3) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 2], or times at most 1.29 in version 2, which alone has a focus."""
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    gap = ((p - g).abs() / (torch.cat([box_wh(g), box_wh(g)], -1) + eps)).mean(-1)
    loss = 1 - box_iou(p, g, eps) + 1 - torch.exp(-(gap**2))
    x = focus * torch.exp(-gap.detach())
    return loss if version == 1 else 3 * x * torch.exp(-(x**2)) * loss
