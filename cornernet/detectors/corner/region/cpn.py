"""Two heads behind RoIAlign: is this pair of corners one object, and of which class is what lies in its box?

Duan, Xie, Qi, Bai, Huang, Tian: Corner Proposal Network, 2020, arXiv 2007.13816, section 3. The defaults are those of
the published Hourglass networks, with a pair_hidden of 256; with few channels and 5 or 3 bins it suits small ones.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cornernet.backbones import ConvBlock
from cornernet.config.ranges import Interval, allow
from cornernet.ops.roi_align import roi_align
from cornernet.structures import RegionLogits

BIAS = -2.19  # logit of about 0.1: few proposals are objects
WIDTH, FEW = Interval(1, 2**16, "[]"), Interval(1, 100, "[]")  # a checkpoint's config may name no more either


class cpn(nn.Module):  # its name in a config
    """Maps of the backbone and boxes -> whether each is an object, and its classes."""

    def __init__(
        self, channels: int, num_classes: int, pair_channels: int = 32, class_channels: int = 256, bins: int = 7,
        layers: int = 2, samples: int = 1, pair_hidden: int | None = None,
    ) -> None:  # fmt: skip
        """pair_channels, class_channels: width of the map that each head reads; bins: a side of what is read of a box,
        of samples x samples points each; layers: 3x3 convolutions in front of either map; pair_hidden: width of the
        pair head's ones but the last, null for pair_channels.
        """
        super().__init__()
        within(WIDTH, pair_channels=pair_channels, class_channels=class_channels)
        within(WIDTH._replace(null=True), pair_hidden=pair_hidden)
        within(FEW, bins=bins, layers=layers, samples=samples)
        self.pair_map = _map(channels, pair_channels, layers, pair_hidden or pair_channels)
        self.class_map = _map(channels, class_channels, layers, class_channels)
        self.pair_map.append(nn.BatchNorm2d(pair_channels))
        self.pair_head, self.class_head = _head(pair_channels, 1, bins), _head(class_channels, num_classes, bins)
        self.num_classes, self.bins, self.samples = num_classes, bins, samples

    def maps(self, features: Tensor) -> tuple[Tensor, ...]:
        """Features [B, channels, H, W] -> what the pair head and the class head read."""
        return self.pair_map(features), self.class_map(features)

    def segments(self) -> list[nn.Module]:
        """Both maps, for gradient checkpointing."""
        return [self.pair_map, self.class_map]

    def class_rows(self) -> dict[str, list[int]]:
        """The last layer of the class head, see `Detector.class_rows`."""
        rows = list(range(self.num_classes))
        return {"class_head.3.weight": rows, "class_head.3.bias": rows}

    def forward(self, maps: tuple[Tensor, ...], boxes: Tensor) -> RegionLogits:
        """Maps of `maps`, boxes [B, N, 4] in cells -> RegionLogits."""
        of_pairs, of_classes = (roi_align(x, boxes, self.bins, self.samples) for x in maps)
        batch, count = boxes.shape[:2]
        pair, classes = self.pair_head(of_pairs), self.class_head(of_classes)
        return RegionLogits(pair.view(batch, count), classes.view(batch, count, -1))


def within(allowed: Interval, **numbers: float | None) -> None:
    """Raise ValueError for the first of a stage's arguments that is not allowed."""
    for name, number in numbers.items():
        allow(f"model.region.args.{name}", number, allowed)


def _map(channels: int, width: int, layers: int, hidden: int) -> nn.Sequential:
    widths = [channels, *[hidden] * (layers - 1), width]
    return nn.Sequential(*(ConvBlock(a, b) for a, b in pairwise(widths)))


def _head(channels: int, outputs: int, bins: int) -> nn.Sequential:
    """Bins [N, channels, bins, bins] -> [N, outputs, 1, 1]."""
    last = nn.Conv2d(channels, outputs, 1)
    assert last.bias is not None
    nn.init.constant_(last.bias, BIAS)
    return nn.Sequential(
        Whole(channels, channels, bins, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True), last
    )


class Whole(nn.Conv2d):
    """A convolution over all of its input at once; on a CPU one matrix product, whose gradients take a seventh."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, bins, bins] -> [N, D, 1, 1]."""
        if x.device.type != "cpu" or torch.compiler.is_exporting():  # a graph keeps what int8 finds
            return super().forward(x)
        if x.is_contiguous():
            return F.linear(x.flatten(1), self.weight.flatten(1))[..., None, None]
        rows, weight = (of.permute(0, 2, 3, 1).flatten(1) for of in (x, self.weight))  # as the bins lie in memory
        return F.linear(rows, weight)[..., None, None]
