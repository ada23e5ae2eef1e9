"""Corner pooling: running maxima that carry evidence from along the edges of a box to its corners.

CornerNet, Law and Deng 2018, arXiv 1808.01244, section 3.2, equations 6 and 7, by stock `cummax`.
Where values tie the gradient goes to the last of them in scan order; the published extension sends it to the
first. Inside the network ties are zeros behind a ReLU, where no gradient survives either way.
"""

import torch
from torch import Tensor


def top_pool(x: Tensor) -> Tensor:
    """Maximum over this row and all rows below: [B, D, H, W] -> same shape."""
    return _scan_backwards(x, 2)


def bottom_pool(x: Tensor) -> Tensor:
    """Maximum over this row and all rows above: [B, D, H, W] -> same shape."""
    return torch.cummax(x, 2).values


def left_pool(x: Tensor) -> Tensor:
    """Maximum over this column and all columns to the right: [B, D, H, W] -> same shape."""
    return _scan_backwards(x, 3)


def right_pool(x: Tensor) -> Tensor:
    """Maximum over this column and all columns to the left: [B, D, H, W] -> same shape."""
    return torch.cummax(x, 3).values


def _scan_backwards(x: Tensor, dim: int) -> Tensor:
    return torch.cummax(x.flip(dim), dim).values.flip(dim)
