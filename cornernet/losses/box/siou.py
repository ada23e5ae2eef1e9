"""SIoU. Gevorgyan, 2022, arXiv 2205.12740.

    L = 1 - IoU + (D + S) / 2
    angle     A = 1 - 2 sin^2(arcsin(s) - pi / 4) = sin(2 arcsin(s)) = 2 |dx| |dy| / d^2,    s = |dy| / d
    distance  D = sum over x, y of  1 - exp(-(2 - A) r),    rx = (dx / W)^2, ry = (dy / H)^2
    shape     S = sum over w, h of  (1 - exp(-o))^theta,    ow = |w - wg| / max(w, wg), oh alike

dx, dy, d: from centre to centre; W, H: size of the smallest box around both; w, h and wg, hg: sizes of prediction and
target; theta: 2 to 6, how much the shape counts. The angle is written without the arcsine, infinitely steep at 1.

Use it to bring boxes onto the nearer axis of their target first; its terms are bounded, so outliers weigh little.
"""

import torch
from torch import Tensor

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou, box_wh, center, enclosing, squared_center_distance

WEIGHT = 2.0
SPACE = "boxes"


def siou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7, theta: float = 4.0) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 3]; eps is added to what is divided by."""
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    dx, dy = (center(p) - center(g)).unbind(-1)
    angle = 2 * dx.abs() * dy.abs() / (squared_center_distance(p, g) + eps)
    r = torch.stack([dx, dy], -1) ** 2 / (box_wh(enclosing(p, g)) ** 2 + eps)
    distance = (1 - torch.exp(-(2 - angle[..., None]) * r)).sum(-1)
    o = (box_wh(p) - box_wh(g)).abs() / (torch.maximum(box_wh(p), box_wh(g)) + eps)
    shape = ((1 - torch.exp(-o)) ** theta).sum(-1)
    return 1 - box_iou(p, g, eps) + (distance + shape) / 2
