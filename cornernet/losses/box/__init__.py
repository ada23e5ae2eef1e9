"""Box losses: how well predicted boxes cover their targets, pair by pair.

    loss(pred [N, 4], target [N, 4], **args) -> [N], unreduced

Boxes are (x1, y1, x2, y2) in any one unit; every member computes in float32 or float64 whatever it is given, and is
finite in value and gradient for boxes of zero size, identical, nested, touching, apart or far apart (up to 1e18). Who
calls it weighs, masks and divides. Each member also exists as a function of torchvision's shape,

    giou_loss(boxes1, boxes2, reduction="none", eps=1e-7)

with "mean" and "sum" as further reductions; see `cornernet.losses.functional`.
"""

from cornernet.losses.discover import members

LOSSES = members(__name__, __path__)
