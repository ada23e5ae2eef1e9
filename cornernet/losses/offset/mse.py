"""Squared error of the offsets.

    L = 1/N sum over objects, x and y of d^2

d: predicted minus true offset; N: number of objects.

Use it only for comparison: small errors have hardly a gradient, and offsets are all small.
"""

from torch import Tensor

from cornernet.losses.reduce import occupied, per_object

WEIGHT = 1.0


def mse(pred: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Offsets [B, M, 2], mask [B, M] -> scalar."""
    return per_object(((occupied(pred, mask) - occupied(target, mask)) ** 2).sum(), mask)
