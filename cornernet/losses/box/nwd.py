"""Normalized Gaussian Wasserstein distance. Wang, Xu, Yang, Yu, 2021, arXiv 2110.13389.

    L = 1 - exp(-sqrt(W2) / C),    W2 = dx^2 + dy^2 + ((w - wg)^2 + (h - hg)^2) / 4

Boxes are Gaussians with half their size as deviation, W2 the squared Wasserstein distance between two. dx, dy: from
centre to centre; w, h and wg, hg: sizes of prediction and target; C: mean size of the data set's objects, in the unit
of the boxes, 12.8 pixels for the tiny ones of AI-TOD. Unlike IoU it has a gradient without overlap, but also a unit.

Use it for tiny objects, of a few pixels, whose IoU jumps from something to nothing.
"""

import torch
from torch import Tensor

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_wh, squared_center_distance

WEIGHT = 2.0
SPACE = "boxes"


def nwd(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7, constant: float = 12.8) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 1]; eps, a length, rounds the tip of the cone at 0."""
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    w2 = squared_center_distance(p, g) + ((box_wh(p) - box_wh(g)) ** 2).sum(-1) / 4
    return 1 - torch.exp(-((w2 + eps**2).sqrt()) / constant)
