"""Corner verification: a side branch that says where corners are, so that boxes can move to them.

Chen et al.: RepPoints v2, 2020, arXiv 2007.08508, section 3; for boxes of anchors. Behind the box tower of every level,
shared by the levels as the towers are: corner pooling, then a heatmap and offsets of each kind of corner, all classes
in one. Every object has its corners on every level, with a Gaussian of the radius that model.min_overlap gives there;
the authors' radius is that of image pixels, this one of whole cells of the level. `anchor.snap` moves the boxes.

Theirs is wider (256 channels behind the pooling) and hands its maps back to the towers; both are left out here, and
nothing was compared with an output of their code.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from cornernet.detectors.anchor.head import GROUP, PRIOR
from cornernet.detectors.corner.targets import encode
from cornernet.ops.corner_pool import bottom_pool, left_pool, right_pool, top_pool
from cornernet.ops.gaussian import Roots
from cornernet.structures import Batch, CornerTargets, LevelCorners


class CornerBranch(nn.Module):
    """Features of the box tower [B, channels, h, w] -> corner-pooled ones [B, width, h, w] of one kind of corner."""

    def __init__(self, channels: int, width: int, vertical: Callable, horizontal: Callable):
        super().__init__()
        self.vertical, self.horizontal = vertical, horizontal
        self.to_vertical, self.to_horizontal = _block(channels, width), _block(channels, width)
        self.pooled, self.shortcut = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(channels, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map features as the class says."""
        pooled = self.vertical(self.to_vertical(x)) + self.horizontal(self.to_horizontal(x))
        return (self.pooled(pooled) + self.shortcut(x)).relu()


class CornerVerifier(nn.Module):
    """Features of a level's box tower [B, channels, h, w] -> its LevelCorners."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.tl, self.br = (
            CornerBranch(channels, width, *pools) for pools in ((top_pool, left_pool), (bottom_pool, right_pool))
        )
        self.tl_heat, self.br_heat = nn.Conv2d(width, 1, 1), nn.Conv2d(width, 1, 1)
        self.tl_offset, self.br_offset = nn.Conv2d(width, 2, 1), nn.Conv2d(width, 2, 1)
        for heat in (self.tl_heat, self.br_heat):
            assert heat.bias is not None
            nn.init.constant_(heat.bias, -math.log((1 - PRIOR) / PRIOR))

    def segments(self) -> list[nn.Module]:
        """The parts that gradient checkpointing computes twice."""
        return [self.tl, self.br]

    def forward(self, features: Tensor, stride: int) -> LevelCorners:
        """Map the features of a level whose cells have this side in input pixels."""
        tl, br = self.tl(features), self.br(features)
        return LevelCorners(self.tl_heat(tl), self.br_heat(br), self.tl_offset(tl), self.br_offset(br), stride)


def corner_targets(
    batch: Batch, sizes: Sequence[tuple[int, int]], strides: Sequence[int], min_overlap: float, roots: Roots
) -> list[CornerTargets]:
    """Batch, (h, w) and stride of every level -> what its LevelCorners are trained towards; C = 1.

    Cell (x, y) begins at the point (x, y) times the stride, as the anchors' points do.
    """
    labels = torch.zeros_like(batch.labels)
    return [
        encode(
            batch.boxes, labels, batch.mask, 1, (size[0] * stride, size[1] * stride), size, min_overlap,
            margin=0, roots=roots,
        )
        for size, stride in zip(sizes, strides, strict=True)
    ]  # fmt: skip


def _block(channels: int, width: int) -> nn.Sequential:
    """3x3 convolution, GroupNorm and ReLU."""
    groups = width // GROUP if width % GROUP == 0 else 1
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.GroupNorm(groups, width), nn.ReLU(inplace=True)
    )
