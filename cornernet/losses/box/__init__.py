"""Box losses: how well predicted boxes cover their targets, pair by pair.

    loss(pred [N, 4], target [N, 4], **args) -> [N], unreduced

Boxes are (x1, y1, x2, y2) in any one unit; every member computes in float32 or float64 whatever it is given, and is
finite in value and gradient for boxes of zero size, identical, nested, touching, apart or far apart (up to 1e18). Who
calls it weighs, masks and divides. Each member also exists as a function of torchvision's shape,

    giou_loss(boxes1, boxes2, reduction="none", eps=1e-7)

with "mean" and "sum" as further reductions; see `cornernet.losses.functional`.

A file declares beside its loss

    WEIGHT = 2.0      # factor of its term in the total where the config gives none
    SPACE = "boxes"   # what it compares: boxes, for losses on areas, or deltas, for losses on coordinates

The weight is of a sum over positive anchors divided by their number, beside a classification of 1: 2 for losses on
areas as in ATSS and GFL, 1 for losses on coordinates. (mmdetection weighs IoU and GIoU 10, CIoU 12, L1 1, where the sum
is divided by all sampled boxes.) A wrapper takes both from its base.
"""

from cornernet.losses.discover import members

LOSSES = members(__name__, __path__)
