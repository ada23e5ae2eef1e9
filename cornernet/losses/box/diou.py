"""Distance IoU. Zheng, Wang, Liu, Li, Ye, Ren, 2019, arXiv 1911.08287, equation 7.

    L = 1 - IoU + d^2 / c^2

d: distance between the centres; c: diagonal of the smallest box around both.

Use it to bring centres together fast; hold it against giou where boxes start apart.
"""

from torch import Tensor

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou, enclosing, squared_center_distance, squared_diagonal

WEIGHT = 2.0
SPACE = "boxes"


def diou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 2]; eps is added to what is divided by. DIoU, equation 7."""
    p, g = at_least_float32(boxes1), at_least_float32(boxes2)
    return 1 - box_iou(p, g, eps) + squared_center_distance(p, g) / (squared_diagonal(enclosing(p, g)) + eps)
