"""Complete IoU. Zheng, Wang, Liu, Li, Ye, Ren, 2019, arXiv 1911.08287, equations 8 to 11.

    L = 1 - IoU + d^2 / c^2 + a v,    v = 4 / pi^2 (atan(wg / hg) - atan(w / h))^2,    a = v / (1 - IoU + v)

d: distance between the centres; c: diagonal of the smallest box around both; w, h and wg, hg: sizes of prediction and
target; a: trade-off, a weight without gradient. The authors' code and their later paper (arXiv 2005.03572) set a = 0
where IoU < 0.5. Here that gate is an option and off: the equations above do not have it, nor has torchvision, and it
makes the loss jump by a v in the middle of a training.

Use it as the first choice of an anchor-based detector: overlap, centre and shape in one.
"""

from math import pi

import torch
from torch import Tensor

from cornernet.losses.box.diou import diou
from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou, box_wh

WEIGHT = 2.4  # 1.2 times that of the others, as mmdetection has it
SPACE = "boxes"


def ciou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7, gated: bool = False) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 3]; gated: no aspect term where IoU < 0.5. CIoU, equation 10."""
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    v = 4 / pi**2 * (_angle(g, eps) - _angle(p, eps)) ** 2
    i = box_iou(p, g, eps)
    a = (v / ((1 - i).relu() + v + eps)).detach()
    return diou(p, g, eps) + (torch.where(i < 0.5, 0, a) if gated else a) * v


def _angle(boxes: Tensor, eps: float) -> Tensor:
    """atan(w / h), also for h = 0; a point, w^2 + h^2 <= eps, has no shape: its h is taken for 1."""
    w, h = box_wh(boxes).unbind(-1)
    return torch.atan2(w, torch.where(w**2 + h**2 > eps, h, 1))
