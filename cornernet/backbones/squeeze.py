"""The small backbone of CornerNet-Squeeze: hourglasses of fire modules behind a stem of stride 8.

Law, Teng, Russakovsky and Deng: CornerNet-Lite, 2019, arXiv 1904.08900, section 4. Fire modules are those of SqueezeNet
(Iandola et al. 2016, arXiv 1602.07360) with depth-wise 3x3 convolutions, upsampling is learned, and a map has a quarter
of the cells of CornerNet's. What stands between the stacks is CornerNet's.

With the settings of configs/squeeze.yaml the corner detector has 31,771,852 parameters, as the authors' has. In their
heads the first convolution is 1x1, `model.head.kernel=1`, which belongs to the detector.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cornernet.backbones.hourglass import Parts, StackedHourglass

KEYS = ("stacks", "stem_channels", "channels", "blocks")


class Fire(nn.Module):
    """1x1 convolution to half the width, of which a 1x1 and a depth-wise 3x3 convolution make one half each.

    [B, in, H, W] -> [B, out, ceil(H / stride), ceil(W / stride)]; out is even. The input is added where it has the same
    shape. The narrow maps pass a BatchNorm and no ReLU, as published.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        half = out_channels // 2
        self.squeeze = nn.Conv2d(in_channels, half, 1, bias=False)
        self.squeeze_norm = nn.BatchNorm2d(half)
        self.point = nn.Conv2d(half, half, 1, stride, bias=False)
        self.depth = nn.Conv2d(half, half, 3, stride, padding=1, groups=half, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.added = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map features as the class says."""
        narrow = self.squeeze_norm(self.squeeze(x))
        wide = self.norm(torch.cat([self.point(narrow), self.depth(narrow)], 1))
        return F.relu(wide + x if self.added else wide, inplace=True)


def learned(channels: int) -> nn.Module:
    """Upsampling with weights: [B, channels, H, W] -> [B, channels, 2 H, 2 W]."""
    return nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1)


def squeeze(
    stacks: int, stem_channels: int, channels: list[int], blocks: list[int], out_channels: int | None = None
) -> StackedHourglass:
    """Stacked hourglass of CornerNet-Squeeze, levels of stride 8 and coarser, supervised behind every stack.

    Raises ValueError for an odd number of channels.
    """
    if any(width % 2 for width in channels):
        raise ValueError(
            f"model.backbone.channels must be even for model.backbone.name=squeeze, whose maps are made of two halves; "
            f"got {channels}"
        )
    return StackedHourglass(stacks, stem_channels, channels, blocks, out_channels, Parts(Fire, learned, halvings=2))
