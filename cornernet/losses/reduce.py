"""How losses are counted: the precision they run in, the slots and cells that matter, what a sum is divided by.

Everything is of static shape and stays on the device: masks multiply, nothing is indexed by them.
"""

import functools
import operator
from collections.abc import Iterable

import torch
from torch import Tensor

EPSILON = 1e-4  # of the published code, added to every count that may be zero but the heatmaps'


def at_least_float32(x: Tensor) -> Tensor:
    """Half precision and integers -> float32; float64 stays, for gradcheck."""
    return x if x.dtype == torch.float64 else x.float()


def added(terms: Iterable[Tensor]) -> Tensor:
    """Sum of one or more tensors."""
    return functools.reduce(operator.add, terms)


def positives(target: Tensor) -> Tensor:
    """Heatmap target [B, C, H, W] -> number of cells that are exactly 1, scalar."""
    return at_least_float32(target == 1).sum()


def per_positive(loss: Tensor, target: Tensor) -> Tensor:
    """Loss of every cell and target [B, C, H, W] -> sum over cells / cells equal to 1; not divided if there is none."""
    return loss.sum() / positives(target).clamp(min=1)


def objects(mask: Tensor) -> Tensor:
    """Mask [B, M] of any dtype, not 0 = the slot holds an object -> number of objects, scalar."""
    return at_least_float32(mask != 0).sum()


def occupied(x: Tensor, mask: Tensor) -> Tensor:
    """x [B, M, D], mask [B, M] of any dtype -> x in at least float32, 0 (and no gradient) where there is no object."""
    x = at_least_float32(x)
    return torch.where((mask != 0).unsqueeze(-1), x, torch.zeros_like(x))


def per_object(total: Tensor, mask: Tensor) -> Tensor:
    """Sum over the objects' x and y, mask [B, M] -> divided by (objects + 1e-4)."""
    return total / (objects(mask) + EPSILON)
