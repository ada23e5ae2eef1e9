"""IoU loss. Linear: Rezatofighi et al., 2019, arXiv 1902.09630, algorithm 2; logarithmic: Yu et al.: UnitBox, 2016,
arXiv 1608.01471.

    form linear    L = 1 - IoU,       IoU = I / U
    form log       L = -log IoU

I, U: areas of intersection and union. There is no gradient where the boxes do not overlap. The logarithm ends at that
of eps, and where the overlap is small it is as steep as that is small. (1 - IoU^2 is alpha_iou with alpha 2.)

Use it as the baseline, where predictions overlap their targets from the start; log where most of them overlap badly.
"""

from typing import Literal

from torch import Tensor

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou

WEIGHT = 2.0
SPACE = "boxes"


def iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7, form: Literal["linear", "log"] = "linear") -> Tensor:
    """Boxes [N, 4] -> [N] in [0, 1], of the logarithm in [0, -log(eps)]; eps is added to the union."""
    overlap = box_iou(at_least_float32(boxes1), at_least_float32(boxes2), eps)
    return 1 - overlap if form == "linear" else -overlap.clamp(min=eps).log()
