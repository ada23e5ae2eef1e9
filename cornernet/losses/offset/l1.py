"""Absolute error of the offsets, as in Zhou, Wang, Kraehenbuehl: Objects as Points, 2019, arXiv 1904.07850, equation 2.

    L = 1/N sum over objects, x and y of |d|

d: predicted minus true offset; N: number of objects.

Use it for a gradient that stays the same to the end, as CenterNet does.
"""

from torch import Tensor

from cornernet.losses.reduce import occupied, per_object

WEIGHT = 1.0


def l1(pred: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Offsets [B, M, 2], mask [B, M] -> scalar. Objects as Points, equation 2."""
    return per_object((occupied(pred, mask) - occupied(target, mask)).abs().sum(), mask)
