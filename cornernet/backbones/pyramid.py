"""Necks: levels of any backbone -> levels of one width at strides 2^first .. 2^last, for every supervised stack.

Lin, Dollár, Girshick, He, Hariharan, Belongie: Feature Pyramid Networks, 2017, arXiv 1612.03144; the levels beyond the
backbone's own as in RetinaNet, arXiv 1708.02002, section 4.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from cornernet.backbones.backbone import Backbone


class Coarser(nn.Module):
    """Further levels, each by a 3x3 convolution of stride 2 from the one before."""

    def __init__(self, channels: int, count: int):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, 2) for _ in range(count))

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Levels, fine to coarse -> the same and `count` more."""
        levels = list(levels)
        for number, conv in enumerate(self.convs):
            x = F.relu(levels[-1]) if number else levels[-1]
            # padded here and not in the convolution, whose bf16 gradient is noise for a level of one cell on a CPU
            levels.append(conv(F.pad(x, (1, 1, 1, 1))))
        return levels


class TopDown(nn.Module):
    """Levels of these widths, fine to coarse -> the first `count`, of one width, each with all coarser ones added.

    Section 3 of Lin et al.; its parts are called as torchvision's, whose import takes as long as torch's own.
    """

    def __init__(self, widths: Sequence[int], channels: int, count: int):
        super().__init__()
        self.inner_blocks = nn.ModuleList(_convolution(width, channels, 1) for width in widths)
        self.layer_blocks = nn.ModuleList(_convolution(channels, channels, 3) for _ in widths[:count])

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Map levels as the class says."""
        laterals = [block(x) for block, x in zip(self.inner_blocks, levels, strict=True)]
        sums = laterals[-1:]
        for lateral in reversed(laterals[:-1]):
            sums.append(lateral + F.interpolate(sums[-1], size=lateral.shape[-2:], mode="nearest"))
        return [block(x) for block, x in zip(self.layer_blocks, reversed(sums), strict=False)]


def _convolution(before: int, width: int, kernel: int) -> nn.Sequential:
    conv = nn.Conv2d(before, width, kernel, padding=kernel // 2)
    nn.init.kaiming_uniform_(conv.weight, a=1)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return nn.Sequential(conv)


class Neck(Backbone):
    """A backbone with one width at all levels, which offers what a backbone does.

    first: index of the backbone's level that is the finest; count: of levels, coarser ones than the backbone has too.
    """

    def __init__(self, body: Backbone, channels: int, first: int, count: int):
        super().__init__()
        self.first, self.own = first, min(count, len(body.strides) - first)  # own: levels that the backbone has
        self.strides = [body.strides[first] * 2**i for i in range(count)]
        self.channels = [channels] * count
        self.multiple, self.stacks, self.decoded = body.multiple, body.stacks, True


class Laterals(Neck):
    """A 1x1 convolution a level and stack, for a backbone whose levels have seen the coarser ones: `decoded`."""

    laterals: Sequence[Sequence[nn.Conv2d]]

    def __init__(self, body: Backbone, channels: int, first: int, count: int):
        super().__init__(body, channels, first, count)
        body.keep(first, first + self.own - 1)
        self.hourglass = body  # as files of weights know it
        widths = body.channels[first : first + self.own]
        laterals = nn.ModuleList(nn.ModuleList(nn.Conv2d(w, channels, 1) for w in widths) for _ in range(body.stacks))
        self.laterals = laterals  # type: ignore[assignment]  # a ModuleList does not say what it holds
        self.coarser = nn.ModuleList(Coarser(channels, count - self.own) for _ in range(body.stacks))

    def segments(self) -> list[nn.Module]:
        """The parts of the backbone that gradient checkpointing computes twice."""
        return self.hourglass.segments()

    def forward(self, images: Tensor) -> list[list[Tensor]]:
        """Map images to the levels of the supervised stacks; in eval mode of the last one alone."""
        stacks = list(zip(self.hourglass(images), self.laterals, self.coarser, strict=True))
        found = []
        for levels, laterals, coarser in stacks if self.training else stacks[-1:]:
            own = levels[self.first : self.first + self.own]
            found.append(coarser([lateral(x) for lateral, x in zip(laterals, own, strict=True)]))
        return found


class FPN(Neck):
    """A way down from the coarsest level to the finest, shared by the stacks, where a backbone has none of its own.

    depth: how many levels of the backbone it begins above the finest, count or more, so that one fine level may know
    of coarse ones.
    """

    def __init__(self, body: Backbone, channels: int, first: int, count: int, depth: int):
        super().__init__(body, channels, first, count)
        widths = body.channels[first : first + depth]
        body.keep(first, first + len(widths) - 1)
        self.body, self.depth = body, len(widths)
        self.fpn = TopDown(widths, channels, self.own)
        self.coarser = Coarser(channels, count - self.own)

    def segments(self) -> list[nn.Module]:
        """The parts of the backbone that gradient checkpointing computes twice."""
        return self.body.segments()

    def forward(self, images: Tensor) -> list[list[Tensor]]:
        """Map images to the levels of the supervised stacks; in eval mode of the last one alone."""
        stacks = self.body(images)
        read = slice(self.first, self.first + self.depth)
        return [self.coarser(self.fpn(levels[read])) for levels in (stacks if self.training else stacks[-1:])]


def pyramid(body: Backbone, channels: int, first: int, last: int) -> Backbone:
    """Backbone -> its levels of stride 2^first to 2^last, each of this width, and further ones where it has no more.

    Raises ValueError, one sentence, where it does not have the first.
    """
    index, count = _index(body, 2**first, f"model.anchor.first_level={first}"), last - first + 1
    return Laterals(body, channels, index, count) if body.decoded else FPN(body, channels, index, count, count)


def single(body: Backbone, channels: int, stride: int) -> Backbone:
    """Backbone -> its level of this stride, of this width, knowing of all coarser ones.

    A backbone that is such a one already is left as it is. Raises ValueError, one sentence, where it has no such level.
    """
    index = _index(body, stride, f"model.backbone.stride={stride}")
    if not body.decoded:
        return FPN(body, channels, index, 1, len(body.strides))
    if index == 0 and body.channels[0] == channels:
        return body
    return Laterals(body, channels, index, 1)


def _index(body: Backbone, stride: int, asked: str) -> int:
    if stride not in body.strides:
        offered = ", ".join(map(str, body.strides))
        raise ValueError(f"{asked} asks for features of stride {stride}, and the backbone offers strides {offered}")
    return list(body.strides).index(stride)
