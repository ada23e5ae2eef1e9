"""Generalized IoU. Rezatofighi, Tsoi, Gwak, Sadeghian, Reid, Savarese, 2019, arXiv 1902.09630, algorithm 2.

    L = 1 - IoU + (C - U) / C

U: area of the union; C: area of the smallest box around both, so that boxes apart are drawn together. Where C is 0, for
two lines or points in a row, the second term is 0 / 0: it counts as 0 and has no gradient, not one of length/eps.

Use it where predictions may lie apart from their targets: the box first grows until the two meet.
"""

import torch
from torch import Tensor

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import area, box_iou, enclosing, union

WEIGHT = 2.0
SPACE = "boxes"


def giou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 2]; eps is added to what is divided by. GIoU, algorithm 2."""
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    c, u = area(enclosing(p, g)), union(p, g)
    penalty = (c - u) / (c + eps)
    return 1 - box_iou(p, g, eps) + torch.where(c > eps, penalty, penalty.detach())
