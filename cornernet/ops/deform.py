"""Deformable convolution, Dai et al. 2017, arXiv 1703.06211, equation 2: each tap reads where an offset moves it.

On a CPU, and in a graph that is exported, taps are read by `grid_sample`, whose gradient is eight times as fast there
as that of torchvision's kernel and which every graph format has; elsewhere by that kernel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def deform_conv(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    """Features [B, D, H, W], offsets [B, 18, H, W] in cells, weight [E, D, 3, 3] -> [B, E, H, W] in float32.

    Offsets are y, x of each of the nine taps, row by row, on top of where a convolution of stride 1 and padding 1
    reads. Between cells it interpolates, with 0 beyond the map. float64 stays; autocast is left, since a cell of a
    large map is no number of half precision.
    """
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    x, offsets, weight = x.to(wide), offsets.to(wide), weight.to(wide)
    with torch.autocast(x.device.type, enabled=False):
        if x.device.type == "cpu" or torch.compiler.is_exporting():
            return by_taps(x, offsets, weight)
        from torchvision.ops import deform_conv2d

        return deform_conv2d(x, offsets, weight, padding=1)


def by_taps(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    """Do the same tap by tap, in the dtype of the features."""
    height, width = x.shape[2:]
    rows = torch.arange(height, device=x.device, dtype=x.dtype)[:, None]
    columns = torch.arange(width, device=x.device, dtype=x.dtype)
    parts = []
    for tap in range(9):
        y, across = rows + tap // 3 - 1 + offsets[:, 2 * tap], columns + tap % 3 - 1 + offsets[:, 2 * tap + 1]
        grid = torch.stack(
            [(2 * across + 1) / width - 1, (2 * y + 1) / height - 1], -1
        )  # edges of the map are -1 and 1
        read = F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        parts.append(F.conv2d(read, weight[:, :, tap // 3, tap % 3, None, None]))
    return torch.stack(parts).sum(0)
