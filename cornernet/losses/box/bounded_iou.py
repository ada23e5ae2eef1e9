"""Bounded IoU. Tychsen-Smith, Petersson: Improving Object Localization with Fitness NMS and Bounded IoU Loss, CVPR
2018, arXiv 1711.00164.

    L = sum over x, y, w, h of H(1 - B),    H(z) = z^2 / (2 beta) where z < beta, z - beta / 2 elsewhere
    B_x = max(0, (wg - 2 |dx|) / (wg + 2 |dx|)),    B_w = min(w / wg, wg / w),    y and h likewise

B: the largest IoU that a box can have whose one number is wrong by so much; dx, dy: distances between the centres;
w, h and wg, hg: sizes of prediction and target; beta: the knee. A target without a width has B_w = 0. The paper was not
at hand: formula and beta are those of mmdetection, which divides by the size plus 0.001 where this has eps.

Use it for an error of the coordinates that counts them in the size of the object, each for itself; a centre that is
off by more than half a size is not drawn.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_wh, center

WEIGHT = 2.0
SPACE = "boxes"


def bounded_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7, beta: float = 0.2) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 4 - 2 beta]; eps is added to what is divided by."""
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    away, (size, true) = 2 * (center(p) - center(g)).abs(), (_size(p), _size(g))
    place = ((true - away) / (true + away + eps)).relu()
    extent = torch.where(true > 0, torch.minimum(size, true) / (torch.maximum(size, true) + eps), 0)
    wrong = 1 - torch.cat([place, extent], -1)
    return F.smooth_l1_loss(wrong, torch.zeros_like(wrong), reduction="none", beta=beta).sum(-1)


def _size(boxes: Tensor) -> Tensor:
    both = box_wh(boxes)
    return torch.where(both < 0, 0, both)  # clamp has no gradient at 0
