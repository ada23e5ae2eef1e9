"""InterpIoU. Liu, Watanabe: InterpIoU, 2025, arXiv 2507.12420.

    L = 1 - IoU(p, g) + 1 - IoU(q, g),    q = (1 - alpha) p + alpha g
    dynamic    alpha = 1 - IoU(p, g), kept in [low, high]

p, g: prediction and target; q: a box on the way from one to the other, corner by corner; alpha: how far, of the dynamic
form a weight without gradient. With alpha near 1, q overlaps the target long before the prediction does, and shows the
way without a penalty of another kind. Of the paper the abstract alone could be read; formula and defaults are those of
published code that implements it.

Use it where predictions start beside their targets, as small objects do, and a penalty on distance blows boxes up.
"""

import torch
from torch import Tensor

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou

WEIGHT = 2.0
SPACE = "boxes"


def interp_iou(
    boxes1: Tensor,
    boxes2: Tensor,
    eps: float = 1e-7,
    alpha: float = 0.98,
    dynamic: bool = False,
    low: float = 0.6,
    high: float = 0.99,
) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 2]; low and high are of the dynamic form, alpha of the other.

    Raises ValueError for shares that do not lie in [0, 1] or in order.
    """
    if not 0 <= low <= high <= 1 or not 0 <= alpha <= 1:
        raise ValueError(f"interp_iou wants 0 <= low <= high <= 1 and alpha in [0, 1], got {low}, {high} and {alpha}")
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    overlap = box_iou(p, g, eps)
    share = (1 - overlap.detach()).clamp(low, high) if dynamic else torch.full_like(overlap, alpha)
    return 2 - overlap - box_iou(torch.lerp(p, g, share[:, None]), g, eps)
