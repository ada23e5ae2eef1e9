"""Alpha IoU. He, Erfani, Ma, Bailey, Chi, Hua, 2021, arXiv 2110.13675.

    L = 1 - IoU^alpha + sum over the penalties R of the base of R^alpha

R: none for iou, (C - U) / C for giou, d^2 / c^2 for diou, both d^2 / c^2 and a v for ciou (see these members). An alpha
above 1 weighs boxes with a high IoU more; the gradient of boxes with a low one is small, so it wants a longer training.

Use it for tight boxes, AP75 and above, on a network that already overlaps its targets: at low IoU its gradient is
small.
"""

from itertools import pairwise
from typing import Literal

from torch import Tensor

from cornernet.losses.box.ciou import ciou
from cornernet.losses.box.diou import diou
from cornernet.losses.box.giou import giou
from cornernet.losses.box.iou import iou

STEPS = {"iou": (iou,), "giou": (iou, giou), "diou": (iou, diou), "ciou": (iou, diou, ciou)}
WEIGHT = 2.0
SPACE = "boxes"


def alpha_iou(
    boxes1: Tensor,
    boxes2: Tensor,
    eps: float = 1e-7,
    alpha: float = 3.0,
    base: Literal["iou", "giou", "diou", "ciou"] = "iou",
) -> Tensor:
    """Boxes [N, 4] -> [N]; flat below eps, because a power may be infinitely steep at 0."""
    losses = [loss(boxes1, boxes2, eps) for loss in STEPS[base]]
    penalties = [(longer - shorter).clamp(min=eps) ** alpha for shorter, longer in pairwise(losses)]
    return 1 - (1 - losses[0]).clamp(min=eps) ** alpha + sum(penalties)
