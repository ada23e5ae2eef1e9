"""Absolute error of the coordinates. Carion et al.: DETR, 2020, arXiv 2005.12872, section 3.1 (there beside a GIoU).

    L = sum over x1, y1, x2, y2 of |d|

d: predicted minus true coordinate, in the unit of the boxes: unlike the IoU losses it grows with the boxes.

Use it on box deltas, or on coordinates of one scale, as the plain baseline.
"""

from torch import Tensor

from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0
SPACE = "deltas"


def l1(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Boxes [N, 4] -> [N]."""
    return (at_least_float32(boxes1) - at_least_float32(boxes2)).abs().sum(-1)
