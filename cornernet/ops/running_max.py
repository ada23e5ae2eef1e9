"""Running maximum across the lines of maps on a CPU, several times as fast as `cummax` with its gradient.

`cummax` walks along one column of cells after the other and its gradient adds up cell by cell. Here a whole row of
cells of all maps takes each step together. Same values; the same gradients up to the order in which they are added.
Along the cells that lie side by side in memory there is nothing to gain: `pays` says so.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LARGE = 2**17  # cells, from which on the steps cost less than they save


def pays(x: Tensor, dim: int) -> bool:
    """Whether `running_max` is the faster way along dim; neither for a compiler nor on a GPU."""
    if torch.compiler.is_compiling():
        return False
    return x.device.type == "cpu" and x.numel() >= LARGE and x.stride(dim) != 1


def running_max(x: Tensor, dim: int, backwards: bool = False) -> Tensor:
    """Maximum over this cell and all before it (after it, if backwards) along dim, of any shape -> same shape.

    Where values tie the gradient goes to the last of them in scan order; there is only a first gradient.
    """
    return _RunningMax.apply(x, dim, backwards)


class _RunningMax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, dim: int, backwards: bool) -> Tensor:
        ctx.dim, ctx.backwards = dim, backwards
        y = torch.empty_like(x)
        _scan(_lines(x, ctx), _lines(y, ctx))
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        x, y = ctx.saved_tensors
        found = torch.empty_like(x)
        _scan_back(*(_lines(t, ctx) for t in (x, y, grad, found)))
        return found, None, None


def _lines(x: Tensor, ctx) -> list[Tensor]:
    """Views of all rows or columns, in the order of the scan."""
    lines = x.unbind(ctx.dim)
    return list(reversed(lines)) if ctx.backwards else list(lines)


def _scan(x: list[Tensor], y: list[Tensor]) -> None:
    y[0].copy_(x[0])
    for here, before, out in zip(x[1:], y, y[1:], strict=False):
        torch.maximum(before, here, out=out)


def _scan_back(x: list[Tensor], y: list[Tensor], grad: list[Tensor], out: list[Tensor]) -> None:
    """Carries gradients back to the cell where their maximum was found: the next one on the way with x = y."""
    carried = torch.zeros_like(x[0])  # laid out as the maps are
    found = torch.empty_like(carried)  # 1 and 0; booleans would take four times as long
    for here, maximum, some, into in zip(*map(reversed, (x, y, grad, out)), strict=True):
        carried += some
        torch.eq(here, maximum, out=found)
        torch.mul(carried, found, out=into)
        carried -= into
