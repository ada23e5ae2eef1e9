"""IoU loss, in the linear form of Rezatofighi et al., 2019, arXiv 1902.09630, algorithm 2; Yu et al.: UnitBox, 2016,
arXiv 1608.01471, take its logarithm instead.

    L = 1 - IoU,    IoU = I / U

I, U: areas of intersection and union. There is no gradient where the boxes do not overlap.

Use it as the baseline, where predictions overlap their targets from the start.
"""

from torch import Tensor

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou

WEIGHT = 2.0
SPACE = "boxes"


def iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 1]; eps is added to the union. GIoU, algorithm 2."""
    return 1 - box_iou(at_least_float32(boxes1), at_least_float32(boxes2), eps)
