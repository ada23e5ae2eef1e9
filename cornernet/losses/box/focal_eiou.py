"""Focal EIoU. Zhang, Ren, Zhang, Jia, Wang, Tan, 2021, arXiv 2101.08158.

    L = IoU^gamma L_EIoU

The power is a weight, so it carries no gradient here: with one, losing the overlap would be a way to a loss of 0. Boxes
that do not overlap weigh nothing.

Use it where many anchors fit badly and would outweigh the few that fit well.
"""

from torch import Tensor

from cornernet.losses.box.eiou import eiou
from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou

WEIGHT = 2.0
SPACE = "boxes"


def focal_eiou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7, gamma: float = 0.5) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 4]."""
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    return box_iou(p, g, eps).detach() ** gamma * eiou(p, g, eps)
