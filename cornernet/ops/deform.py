"""Deformable convolution, Dai et al. 2017, arXiv 1703.06211, equation 2: each tap reads where an offset moves it."""

import torch
from torch import Tensor
from torchvision.ops import deform_conv2d


def deform_conv(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    """Features [B, D, H, W], offsets [B, 18, H, W] in cells, weight [E, D, 3, 3] -> [B, E, H, W] in float32.

    Offsets are y, x of each of the nine taps, row by row, on top of where a convolution of stride 1 and padding 1
    reads. Between cells it interpolates, with 0 beyond the map. float64 stays; there is no kernel of half precision on
    the CPU, so autocast is left.
    """
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    with torch.autocast(x.device.type, enabled=False):
        return deform_conv2d(x.to(wide), offsets.to(wide), weight.to(wide), padding=1)
