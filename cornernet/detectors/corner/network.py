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

    With a branch for centres or a region stage they are StackMaps. The heads read the finest level that the backbone
    offers.
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
        features = [levels[0] for levels in self.backbone(images)][supervised]
        pooled = [head.pooled(x) for head, x in zip(self.heads[supervised], features, strict=True)]
        maps = [head.maps(*corners) for head, corners in zip(self.heads[supervised], pooled, strict=True)]
        if self.regions or self.heads[-1].centre:
            centres = [head.centre_maps(x) for head, x in zip(self.heads[supervised], features, strict=True)]
            regions = self.regions[supervised] if self.regions else [None] * len(maps)
            read = [() if region is None else region.maps(x) for region, x in zip(regions, features, strict=True)]
            stacks = zip(maps, centres, read, strict=True)
            maps = [cast(CornerMaps, StackMaps(*x, centre=centre, region=more)) for x, centre, more in stacks]
        return list(zip(maps, pooled, strict=True)) if with_features else maps
