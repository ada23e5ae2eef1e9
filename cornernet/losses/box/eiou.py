"""Efficient IoU. Zhang, Ren, Zhang, Jia, Wang, Tan: Focal and Efficient IOU Loss, 2021, arXiv 2101.08158.

    L = 1 - IoU + d^2 / (W^2 + H^2) + (w - wg)^2 / W^2 + (h - hg)^2 / H^2

d: distance between the centres; W, H: size of the smallest box around both; w, h and wg, hg: sizes of prediction and
target, compared themselves where CIoU compares their ratio.

Use it for objects whose sides differ much, where a ratio may be right while both sides are wrong.
"""

from torch import Tensor

from cornernet.losses.box.diou import diou
from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_wh, enclosing

WEIGHT = 2.0
SPACE = "boxes"


def eiou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 4]; eps is added to what is divided by."""
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    sides = (box_wh(p) - box_wh(g)) ** 2 / (box_wh(enclosing(p, g)) ** 2 + eps)
    return diou(p, g, eps) + sides.sum(-1)
