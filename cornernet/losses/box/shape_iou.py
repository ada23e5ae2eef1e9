"""Shape IoU. Zhang, Zhang: Shape-IoU, 2023, arXiv 2312.17663.

    L = 1 - IoU + D + S / 2
    weights   a = 2 wg^scale / (wg^scale + hg^scale),    b = 2 hg^scale / (wg^scale + hg^scale)
    distance  D = b dx^2 / c^2 + a dy^2 / c^2
    shape     S = (1 - exp(-b |w - wg| / max(w, wg)))^theta + (1 - exp(-a |h - hg| / max(h, hg)))^theta

An error across the short side of the target counts more. dx, dy: from centre to centre; c: diagonal of the smallest box
around both; w, h and wg, hg: sizes of prediction and target; scale: grows with how small the objects of a data set are;
0, the default of the published code, makes a = b = 1.

Use it for thin or small objects, whose IoU depends on the short side.
"""

import torch
from torch import Tensor

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou, box_wh, center, enclosing, squared_diagonal

WEIGHT = 2.0
SPACE = "boxes"


def shape_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7, scale: float = 0.0, theta: float = 4.0) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 4]; eps is added to what is divided by."""
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    power = box_wh(g).clamp(min=eps) ** scale
    across = 2 * power.flip(-1) / power.sum(-1, keepdim=True)  # b for x and w, a for y and h
    distance = (across * (center(p) - center(g)) ** 2).sum(-1) / (squared_diagonal(enclosing(p, g)) + eps)
    o = across * (box_wh(p) - box_wh(g)).abs() / (torch.maximum(box_wh(p), box_wh(g)) + eps)
    shape = ((1 - torch.exp(-o)) ** theta).sum(-1)
    return 1 - box_iou(p, g, eps) + distance + shape / 2
