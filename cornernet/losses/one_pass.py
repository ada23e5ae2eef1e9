"""Losses that are sums over the cells of large maps, with value and gradient found in one pass over them.

Autograd walks over the maps once for every operation of a formula and once more for its derivative, and each of these
walks waits for the memory. A formula that gives its derivative beside its value is done with a piece of the maps while
the piece is in the cache.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from cornernet.ops.pieces import pays, pieces

Cells = Callable[..., tuple[Tensor, Tensor]]


def summed(cells: Cells, x: Tensor, y: Tensor, *args: float | None) -> Tensor:
    """cells(x, y, *args) -> loss of every cell and its derivative by x; x and y of any one shape -> the sum, scalar.

    Only x has a gradient, and only a first one. `cells` may use what it is given up only by reading it.
    """
    return _Summed.apply(x, y, cells, *args)


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, y: Tensor, cells: Cells, *args) -> Tensor:
        total, slope = _in_pieces(x, y, cells, args) if pays(x) else _whole(x, y, cells, args)
        ctx.save_for_backward(slope)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple:
        (slope,) = ctx.saved_tensors
        return slope * grad, *[None] * (len(ctx.needs_input_grad) - 1)


def _whole(x: Tensor, y: Tensor, cells: Cells, args: tuple) -> tuple[Tensor, Tensor]:
    loss, slope = cells(x, y, *args)
    return loss.sum(), slope


def _in_pieces(x: Tensor, y: Tensor, cells: Cells, args: tuple) -> tuple[Tensor, Tensor]:
    slope = torch.empty_like(x, memory_format=torch.contiguous_format)
    totals = []
    for some_x, some_y, some_slope in zip(pieces(x.contiguous()), pieces(y.contiguous()), pieces(slope), strict=True):
        loss, found = cells(some_x, some_y, *args)
        some_slope.copy_(found)
        totals.append(loss.sum())
    return torch.stack(totals).sum(), slope
