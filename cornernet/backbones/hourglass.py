"""Stacked hourglass networks for keypoints.

Newell, Yang and Deng 2016, arXiv 1603.06937, in the form of CornerNet (Law and Deng 2018, arXiv 1808.01244,
section 3.6): stride-2 residual blocks instead of max-pooling, nearest upsampling, supervision behind every stack.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from cornernet.backbones.backbone import Backbone

KEYS = ("stacks", "stem_channels", "channels", "blocks")


class ConvBlock(nn.Module):
    """Convolution, BatchNorm, ReLU: [B, in, H, W] -> [B, out, ceil(H / stride), ceil(W / stride)]."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map features as the class says."""
        return F.relu(self.norm(self.conv(x)), inplace=True)


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut: [B, in, H, W] -> [B, out, ceil(H / stride), ceil(W / stride)]."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.block = ConvBlock(in_channels, out_channels, stride=stride)
        self.conv = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = projection(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map features as the class says."""
        return F.relu(self.norm(self.conv(self.block(x))) + self.shortcut(x), inplace=True)


def projection(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """1x1 convolution and BatchNorm, no ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
        nn.BatchNorm2d(out_channels),
    )


def nearest(channels: int) -> nn.Module:
    """Upsampling that repeats every cell: [B, channels, H, W] -> [B, channels, 2 H, 2 W]."""
    return nn.Upsample(scale_factor=2.0, mode="nearest")


class Parts(NamedTuple):
    """What hourglasses are made of, and how far the stem in front of them goes down."""

    block: Callable[..., nn.Module] = Residual  # called as one
    upsample: Callable[[int], nn.Module] = nearest  # width -> module that doubles both sides
    halvings: int = 1  # residual blocks of stride 2 in the stem, behind its convolution of stride 2

    def blocks(self, count: int, channels: int) -> list[nn.Module]:
        """`count` blocks that keep their width."""
        return [self.block(channels, channels) for _ in range(count)]


CORNERNET = Parts()


class Hourglass(nn.Module):
    """One hourglass, built from the outside in: [B, channels[0], H, W] -> same shape; H, W divisible by 2^order.

    channels and blocks give width and number of blocks of each level, fine to coarse; order = len(channels) - 1.
    """

    skip: nn.Sequential | None
    up: nn.Sequential | None
    upsample: nn.Module | None
    inner: "nn.Sequential | Hourglass"

    def __init__(self, channels: Sequence[int], blocks: Sequence[int], parts: Parts = CORNERNET):
        super().__init__()
        outer, inner, count = channels[0], channels[1], blocks[0]
        self.skip = nn.Sequential(*parts.blocks(count, outer))
        self.down = nn.Sequential(parts.block(outer, inner, stride=2), *parts.blocks(count - 1, inner))
        if len(channels) == 2:
            self.inner = nn.Sequential(*parts.blocks(blocks[1], inner))
        else:
            self.inner = Hourglass(channels[1:], blocks[1:], parts)
        self.up = nn.Sequential(*parts.blocks(count - 1, inner), parts.block(inner, outer))
        self.upsample = parts.upsample(outer)

    def forward(self, x: Tensor) -> Tensor:
        """Map features as the class says."""
        return self.levels(x)[0]

    def levels(self, x: Tensor) -> list[Tensor]:
        """Features of every level on the way up, fine to coarse: level i has channels[i] and 1/2^i of the size."""
        down = self.down(x)
        deeper = self.inner.levels(down) if isinstance(self.inner, Hourglass) else [self.inner(down)]
        if self.up is None or self.skip is None or self.upsample is None:  # trimmed: it hands its input on
            return [x, *deeper]
        return [self.skip(x) + self.upsample(self.up(deeper[0])), *deeper]

    def segments(self) -> list[nn.Module]:
        """The parts of every level, for gradient checkpointing: see `recompute`."""
        own: list[nn.Module] = [part for part in (self.skip, self.down, self.up) if part is not None]
        return own + (self.inner.segments() if isinstance(self.inner, Hourglass) else [self.inner])


def trim(hourglass: Hourglass, levels: int) -> None:
    """Take the finest levels of the way up out of an hourglass whose reader needs coarser ones alone."""
    part: nn.Module = hourglass
    for _ in range(levels):
        assert isinstance(part, Hourglass), "it has as many levels"
        part.skip = part.up = part.upsample = None
        part = part.inner


class StackedHourglass(Backbone):
    """Stem and a row of hourglasses, each of which gives the levels of its way up: of the stem's stride, twice it, ...

    The stem's stride is 2^(1 + parts.halvings), 4 of CornerNet's. Level 0 has out_channels, or channels[0] where these
    are None, level i channels[i]. Each stack reads what the stem (or the merge before it) gave; between two stacks its
    input and its output, both projected, are added and pass a residual block.
    """

    decoded = True
    merges = False  # whether the finest level stands behind level 0 once more, as it was before its last convolution

    hourglasses: Sequence[Hourglass]

    def __init__(
        self, stacks: int, stem_channels: int, channels: list[int], blocks: list[int], out_channels: int | None = None,
        parts: Parts = CORNERNET,
    ):  # fmt: skip
        super().__init__()
        _check(stacks, channels, blocks)
        out_channels = channels[0] if out_channels is None else out_channels
        self.widths, width, between = channels, channels[0], stacks - 1  # of the levels as the hourglasses give them
        self.order, self.stacks = len(channels) - 1, stacks
        self.strides = [2 ** (1 + parts.halvings + i) for i in range(len(channels))]
        self.channels, self.multiple = [out_channels, *channels[1:]], self.strides[-1]
        halve, ends = partial(Residual, out_channels=width, stride=2), [stem_channels, *[width] * (parts.halvings - 1)]
        self.stem = nn.Sequential(ConvBlock(3, stem_channels, 7, 2), *map(halve, ends))
        hourglasses = nn.ModuleList(Hourglass(channels, blocks, parts) for _ in range(stacks))
        self.hourglasses = hourglasses  # type: ignore[assignment]  # a ModuleList does not say what it holds
        self.outputs = nn.ModuleList(ConvBlock(width, out_channels) for _ in range(stacks))
        self.merge_input = nn.ModuleList(projection(width, width) for _ in range(between))
        self.merge_output = nn.ModuleList(projection(out_channels, width) for _ in range(between))
        self.merged = nn.ModuleList(Residual(width, width) for _ in range(between))

    def segments(self) -> list[nn.Module]:
        """The stem, the parts of every level of every stack and what joins the stacks: see `recompute`."""
        levels = [part for hourglass in self.hourglasses for part in hourglass.segments()]
        between = zip(self.merge_input, self.merge_output, self.merged, strict=True)
        return [self.stem, *levels, *self.outputs, *(part for parts in between for part in parts)]

    def keep(self, first: int, last: int) -> None:
        """Take the levels finer than the first out of the last stack, where nobody reads them."""
        if first:
            trim(self.hourglasses[-1], min(first, self.order))
            self.outputs[-1] = nn.Identity()

    def forward(self, images: Tensor) -> list[list[Tensor]]:
        """Map images to the levels of every stack, fine to coarse."""
        x, stacks = self.stem(images), []
        for i, (hourglass, output) in enumerate(zip(self.hourglasses, self.outputs, strict=True)):
            finest, *coarser = hourglass.levels(x)
            stacks.append([output(finest), *([finest] if self.merges else []), *coarser])
            if i < len(self.merged):
                both = self.merge_input[i](x) + self.merge_output[i](stacks[-1][0])
                x = self.merged[i](F.relu(both, inplace=True))
        return stacks


def hourglass(
    stacks: int, stem_channels: int, channels: list[int], blocks: list[int], out_channels: int | None = None
) -> StackedHourglass:
    """Stacked hourglass of CornerNet, levels of stride 4 and coarser, supervised behind every stack."""
    return StackedHourglass(stacks, stem_channels, channels, blocks, out_channels)


def _check(stacks: int, channels: list[int], blocks: list[int]) -> None:
    if stacks < 1 or len(channels) < 2 or len(channels) != len(blocks) or min(*channels, *blocks) < 1:
        raise ValueError(
            "model.backbone needs stacks >= 1 and as many blocks as channels, two or more of each, all positive; "
            f"got stacks={stacks}, channels={channels}, blocks={blocks}"
        )
