"""The convolutional part: a pyramid, and a head that its levels and stacks share."""

import torch
from torch import Tensor, nn

from cornernet.backbones import Backbone
from cornernet.detectors.anchor.head import AnchorHead
from cornernet.detectors.detector import Network
from cornernet.structures import AnchorMaps


class AnchorNetwork(Network):
    """Normalised images [B, 3, H, W] -> list of AnchorMaps, one a stack; in eval mode the last stack's alone."""

    def __init__(self, backbone: Backbone, head: AnchorHead):
        super().__init__()
        self.backbone, self.head = backbone, head

    def segments(self) -> list[nn.Module]:
        """The parts that gradient checkpointing computes twice."""
        return [*self.backbone.segments(), self.head.class_tower, self.head.box_tower]

    def forward(
        self, images: Tensor, with_features: bool = False
    ) -> list[AnchorMaps] | list[tuple[AnchorMaps, list[Tensor]]]:
        """Map images to the maps of the supervised stacks, with each level's class features if these are wanted."""
        found = [self._stack(levels) for levels in self.backbone(images)]
        return found if with_features else [maps for maps, _ in found]

    def _stack(self, levels: list[Tensor]) -> tuple[AnchorMaps, list[Tensor]]:
        logits, deltas, features = zip(*(self.head(level) for level in levels), strict=True)
        sizes = [(level.shape[-2], level.shape[-1]) for level in levels]
        return AnchorMaps(torch.cat(logits, 1), torch.cat(deltas, 1), sizes), list(features)
