"""Corner pooling: running maxima that carry evidence from along the edges of a box to its corners.

CornerNet, Law and Deng 2018, arXiv 1808.01244, section 3.2, equations 6 and 7, by stock `cummax`; where that is
faster, by `running_max`: on a CPU along the columns of large maps, and of maps channels last along their rows too.
Where values tie the gradient goes to the last of them in scan order; the published extension sends it to the first.
Inside the network ties are zeros behind a ReLU, where no gradient survives either way.

An export gets the same numbers by maxima over windows of 1, 2, 4, ... cells, because ONNX has no `cummax`; where it
leaves the size of images open, over as many windows as the largest map needs. On a CPU the former is up to 1.5 times as
fast along columns, but takes two to three times as long along rows.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.ops.running_max import pays, running_max

CELLS = 8192  # of a side at most, where an export leaves it open: as many as images have pixels by a config


def top_pool(x: Tensor) -> Tensor:
    """Maximum over this row and all rows below: [B, D, H, W] -> same shape."""
    return _running_max(x, 2, backwards=True)


def bottom_pool(x: Tensor) -> Tensor:
    """Maximum over this row and all rows above: [B, D, H, W] -> same shape."""
    return _running_max(x, 2)


def left_pool(x: Tensor) -> Tensor:
    """Maximum over this column and all columns to the right: [B, D, H, W] -> same shape."""
    return _running_max(x, 3, backwards=True)


def right_pool(x: Tensor) -> Tensor:
    """Maximum over this column and all columns to the left: [B, D, H, W] -> same shape."""
    return _running_max(x, 3)


def column_pool(x: Tensor) -> Tensor:
    """Maximum of the whole column: [B, D, H, W] -> same shape. Centre pooling, Duan et al. 2019, arXiv 1904.08189."""
    return x.amax(2, keepdim=True).expand_as(x)


def row_pool(x: Tensor) -> Tensor:
    """Maximum of the whole row: [B, D, H, W] -> same shape."""
    return x.amax(3, keepdim=True).expand_as(x)


def _running_max(x: Tensor, dim: int, backwards: bool = False) -> Tensor:
    if torch.compiler.is_exporting():
        return _doubling(x, dim, backwards)
    if pays(x, dim):
        return running_max(x, dim, backwards)
    return torch.cummax(x.flip(dim), dim).values.flip(dim) if backwards else torch.cummax(x, dim).values


def _doubling(x: Tensor, dim: int, backwards: bool) -> Tensor:
    """The same by windows that double: after each step a cell knows twice as many of its neighbours on one side."""
    size, step = x.shape[dim], 1
    if isinstance(size, torch.SymInt):
        return _open_doubling(x, dim, backwards)
    while step < size:
        both = torch.maximum(x.narrow(dim, 0, size - step), x.narrow(dim, step, size - step))
        rest = x.narrow(dim, size - step if backwards else 0, step)  # their window already reaches the edge
        x = torch.cat([both, rest] if backwards else [rest, both], dim)
        step *= 2
    return x


def _open_doubling(x: Tensor, dim: int, backwards: bool) -> Tensor:
    """The same for any size up to CELLS: a step beyond the map's edge meets what is smaller than all numbers."""
    pads, cut = [0, 0, 0, 0], [slice(None)] * 4
    for power in range((CELLS - 1).bit_length()):
        pads[2 * (3 - dim) + backwards] = step = 2**power
        cut[dim] = slice(step, None) if backwards else slice(-step)
        x = torch.maximum(x, F.pad(x, pads, value=-torch.inf)[tuple(cut)])
    return x
