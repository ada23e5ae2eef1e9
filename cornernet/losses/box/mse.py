"""Squared error of the coordinates.

    L = sum over x1, y1, x2, y2 of d^2

d: predicted minus true coordinate, in the unit of the boxes.

Use it only to see what outliers do to a squared error.
"""

from torch import Tensor

from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0
SPACE = "deltas"


def mse(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Boxes [N, 4] -> [N]."""
    return ((at_least_float32(boxes1) - at_least_float32(boxes2)) ** 2).sum(-1)
