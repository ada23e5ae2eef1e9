"""The convolutional part: a backbone with the three branches behind every stack."""

from collections.abc import Sequence

from torch import Tensor, nn

from cornernet.backbones import Backbone
from cornernet.detectors.detector import Network
from cornernet.detectors.points.head import PointHead
from cornernet.structures import PointMaps


class PointNetwork(Network):
    """Normalised images [B, 3, H, W] -> list of PointMaps, one a stack; in eval mode the last stack's alone.

    The heads read the finest level that the backbone offers.
    """

    heads: Sequence[PointHead]

    def __init__(self, backbone: Backbone, heads: Sequence[PointHead]):
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleList(heads)  # type: ignore[assignment]  # it does not say what it holds

    def segments(self) -> list[nn.Module]:
        """The parts that gradient checkpointing computes twice."""
        return self.backbone.segments() + [part for head in self.heads for part in head.children()]

    def forward(self, images: Tensor, with_features: bool = False) -> list[PointMaps] | list[tuple[PointMaps, Tensor]]:
        """Map images to the maps of the supervised stacks, each with the features that its head read if wanted."""
        supervised = slice(None) if self.training else slice(-1, None)
        features = [levels[0] for levels in self.backbone(images)][supervised]
        maps = [head(x) for head, x in zip(self.heads[supervised], features, strict=True)]
        return list(zip(maps, features, strict=True)) if with_features else maps
