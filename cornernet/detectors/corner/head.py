"""The branches behind a stack: heatmaps, tags and offsets of both corners, and of centres where they are asked for.

CornerNet, arXiv 1808.01244, section 3.5; Duan et al.: CenterNet, 2019, arXiv 1904.08189, section 3; attention maps, Law
et al.: CornerNet-Lite, 2019, arXiv 1904.08900, section 3.1.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from cornernet.backbones import ConvBlock
from cornernet.ops.corner_pool import bottom_pool, column_pool, left_pool, right_pool, row_pool, top_pool
from cornernet.structures import CentreMaps, CornerMaps

HEAT_BIAS = -2.19  # logit of about 0.1, so that the focal loss of the empty map starts small


class CornerPool(nn.Module):
    """Corner pooling module (figure 7 of the paper): [B, channels, H, W] -> same shape.

    vertical, horizontal: the maxima along both lines; those of the whole column and row make it centre pooling.

    cascade: before the maximum along a border the maximum across it is added, so that a corner sees inside its box:
    cascade corner pooling of Duan et al.: CenterNet, 2019, arXiv 1904.08189, section 3.3, figure 5b.
    """

    def __init__(
        self, channels: int, pool_channels: int, vertical: Callable, horizontal: Callable, cascade: bool = False
    ):
        super().__init__()
        self.vertical, self.horizontal, self.cascade = vertical, horizontal, cascade
        self.to_vertical = ConvBlock(channels, pool_channels)
        self.to_horizontal = ConvBlock(channels, pool_channels)
        self.pooled = nn.Conv2d(pool_channels, channels, 3, padding=1, bias=False)
        self.pooled_norm = nn.BatchNorm2d(channels)
        self.shortcut = nn.Conv2d(channels, channels, 1, bias=False)
        self.shortcut_norm = nn.BatchNorm2d(channels)
        self.out = ConvBlock(channels, channels)
        if cascade:
            self.look_across, self.look_along = (ConvBlock(channels, pool_channels) for _ in range(2))
            self.seen_across, self.seen_along = (
                nn.Conv2d(pool_channels, pool_channels, 3, padding=1, bias=False) for _ in range(2)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map features as the class says."""
        first, second = self.to_vertical(x), self.to_horizontal(x)
        if self.cascade:
            first = self.seen_across(first + self.horizontal(self.look_across(x)))
            second = self.seen_along(second + self.vertical(self.look_along(x)))
        pooled = self.vertical(first) + self.horizontal(second)
        both = self.pooled_norm(self.pooled(pooled)) + self.shortcut_norm(self.shortcut(x))
        return self.out(F.relu(both, inplace=True))


def branch(channels: int, out_channels: int, kernel: int = 3, width: int | None = None) -> nn.Sequential:
    """Convolution of that side, ReLU, 1x1 convolution: [B, channels, H, W] -> [B, out_channels, H, W].

    width: of the map between them, null is that of the features.
    """
    width = channels if width is None else width
    return nn.Sequential(
        nn.Conv2d(channels, width, kernel, padding=kernel // 2),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, out_channels, 1),
    )


class CornerHead(nn.Module):
    """Features of one stack [B, channels, H, W] -> CornerMaps, and CentreMaps where there are centres.

    num_classes: None for keypoints without a class, which have one heatmap; tags: channels -> the branch of one kind of
    corner that says what it knows of its partner; kernel: of the first convolution of every branch; centre: a third
    branch, behind centre pooling; attended: widths of the levels, coarse to fine, that have an attention map each.
    """

    def __init__(
        self, channels: int, pool_channels: int, num_classes: int | None, tags: Callable[[int], nn.Module],
        cascade: bool = False, kernel: int = 3, centre: bool = False, attended: Sequence[int] = (),
    ):  # fmt: skip
        super().__init__()
        self.num_classes, self.centre = num_classes, centre
        self.tl_pool = CornerPool(channels, pool_channels, top_pool, left_pool, cascade)
        self.br_pool = CornerPool(channels, pool_channels, bottom_pool, right_pool, cascade)
        own = partial(branch, channels, kernel=kernel)
        self.tl_heat, self.br_heat = (own(num_classes or 1) for _ in range(2))
        self.tl_tag, self.br_tag = tags(channels), tags(channels)
        self.tl_offset, self.br_offset = own(2), own(2)
        if centre:
            self.ct_pool = CornerPool(channels, pool_channels, column_pool, row_pool)
            self.ct_heat, self.ct_offset = own(num_classes or 1), own(2)
        self.attention = nn.ModuleList(branch(level, 1, kernel, channels) for level in attended)
        for heat in (*(getattr(self, name) for name in self._heats()), *self.attention):
            nn.init.constant_(heat[-1].bias, HEAT_BIAS)

    def _heats(self) -> tuple[str, ...]:
        return ("tl_heat", "br_heat", "ct_heat") if self.centre else ("tl_heat", "br_heat")

    def segments(self) -> list[nn.Module]:
        """The poolings and all branches, for gradient checkpointing."""
        return [*(part for part in self.children() if part is not self.attention), *self.attention]

    def class_rows(self) -> dict[str, list[int]]:
        """The maps of the heatmaps, see `Detector.class_rows`."""
        if self.num_classes is None:
            return {}
        classes = list(range(self.num_classes))
        return {f"{heat}.2.{name}": classes for heat in self._heats() for name in ("weight", "bias")}

    def forward(self, features: Tensor) -> CornerMaps:
        """Map features to the six maps."""
        return self.maps(*self.pooled(features))

    def pooled(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Corner-pooled features of both kinds of corner, each of the shape of the features."""
        return self.tl_pool(features), self.br_pool(features)

    def centre_maps(self, features: Tensor) -> CentreMaps | None:
        """Features -> the maps of the third branch, None where there is none."""
        if not self.centre:
            return None
        pooled = self.ct_pool(features)
        return CentreMaps(self.ct_heat(pooled), self.ct_offset(pooled))

    def attention_maps(self, levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Levels of the backbone, fine to coarse -> the attention maps, coarse to fine; () where there are none."""
        read = levels[: len(self.attention)][::-1]
        return tuple(attend(level) for attend, level in zip(self.attention, read, strict=True))

    def maps(self, tl: Tensor, br: Tensor) -> CornerMaps:
        """Corner-pooled features -> the six maps."""
        return CornerMaps(
            tl_heat=self.tl_heat(tl),
            br_heat=self.br_heat(br),
            tl_tag=self.tl_tag(tl),
            br_tag=self.br_tag(br),
            tl_offset=self.tl_offset(tl),
            br_offset=self.br_offset(br),
        )
