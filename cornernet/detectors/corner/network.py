"""The convolutional part of CornerNet: a backbone with a corner head behind every stack, a region stage beside it."""

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor, nn

from cornernet.backbones import Backbone
from cornernet.detectors.corner.head import CornerHead
from cornernet.detectors.detector import Network
from cornernet.structures import CornerMaps, StackMaps

Pooled = tuple[Tensor, Tensor]  # [B, channels, H, W] of top-left and bottom-right corners


class CornerNetwork(Network):
    """Normalised images [B, 3, H, W] -> list of CornerMaps, one a stack; in eval mode the last stack's alone.

    With a branch for centres, attention maps or a region stage they are StackMaps. The heads read the finest level that
    the backbone offers, attention maps also the ones behind it.
    """

    heads: Sequence[CornerHead]
    regions: Sequence[Any]

    def __init__(self, backbone: Backbone, heads: Sequence[CornerHead], regions: Sequence[nn.Module] = ()):
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleList(heads)  # type: ignore[assignment]  # it does not say what it holds
        self.regions = nn.ModuleList(regions)  # type: ignore[assignment]

    def segments(self) -> list[nn.Module]:
        """The parts that gradient checkpointing computes twice."""
        behind = [*self.heads, *(region for region in self.regions if hasattr(region, "segments"))]
        return self.backbone.segments() + [part for stage in behind for part in stage.segments()]

    def forward(
        self, images: Tensor, with_features: bool = False
    ) -> list[CornerMaps] | list[tuple[CornerMaps, Pooled]]:
        """Map images to the maps of the supervised stacks, each with its corner-pooled features if wanted."""
        supervised = slice(None) if self.training else slice(-1, None)
        levels = self.backbone(images)[supervised]
        features, heads = [each[0] for each in levels], self.heads[supervised]
        pooled = [head.pooled(x) for head, x in zip(heads, features, strict=True)]
        maps = [head.maps(*corners) for head, corners in zip(heads, pooled, strict=True)]
        if self.regions or self.heads[-1].centre or self.heads[-1].attention:
            centres = [head.centre_maps(x) for head, x in zip(heads, features, strict=True)]
            regions = self.regions[supervised] if self.regions else [None] * len(maps)
            read = [() if region is None else region.maps(x) for region, x in zip(regions, features, strict=True)]
            attended = [head.attention_maps(each[1:]) for head, each in zip(heads, levels, strict=True)]
            stacks = zip(maps, centres, read, attended, strict=True)
            maps = [cast(CornerMaps, StackMaps(*x, centre, more, seen)) for x, centre, more, seen in stacks]
        return list(zip(maps, pooled, strict=True)) if with_features else maps
