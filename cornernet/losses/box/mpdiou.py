"""MPDIoU. Ma, Xu: MPDIoU, 2023, arXiv 2307.07662.

    L = 1 - IoU + d1^2 / (W^2 + H^2) + d2^2 / (W^2 + H^2)

d1, d2: distances between the top-left and between the bottom-right corners; W, H: size of the image. The pairs do not
know the image, so they are given its diagonal, sqrt(W^2 + H^2) in the unit of the boxes: 723 for 511 x 511 pixels. The
anchor detector gives that of its input unless the config does.

Use it where both corners are to be right, the nearest in spirit to corner detection; in a large image its pull is weak,
so give it a larger weight.
"""

from torch import Tensor

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou


def mpdiou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7, *, diagonal: float) -> Tensor:
    """Boxes [N, 4] inside an image of that diagonal -> [N] in [0, 3]; eps is added to the union."""
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    return 1 - box_iou(p, g, eps) + ((p - g) ** 2).sum(-1) / diagonal**2
