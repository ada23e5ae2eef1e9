"""The convolutional part: a pyramid, and a head that its levels and stacks share."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cornernet.backbones import Backbone
from cornernet.detectors.anchor.distribution import expected
from cornernet.detectors.anchor.head import AnchorHead
from cornernet.detectors.anchor.verify import CornerVerifier
from cornernet.detectors.detector import Network
from cornernet.structures import AnchorMaps, LevelCorners


class AnchorNetwork(Network):
    """Normalised images [B, 3, H, W] -> list of AnchorMaps, one a stack; in eval mode the last stack's alone."""

    def __init__(self, backbone: Backbone, head: AnchorHead, verifier: CornerVerifier | None = None):
        super().__init__()
        self.backbone, self.head, self.verifier = backbone, head, verifier

    def segments(self) -> list[nn.Module]:
        """The parts that gradient checkpointing computes twice."""
        own = [*self.backbone.segments(), self.head.class_tower, self.head.box_tower]
        return own if self.verifier is None else own + self.verifier.segments()

    def forward(
        self, images: Tensor, with_features: bool = False
    ) -> list[AnchorMaps] | list[tuple[AnchorMaps, list[Tensor]]]:
        """Map images to the maps of the supervised stacks, with each level's class features if these are wanted."""
        found = [self._stack(levels) for levels in self.backbone(images)]
        return found if with_features else [maps for maps, _ in found]

    def _stack(self, levels: list[Tensor]) -> tuple[AnchorMaps, list[Tensor]]:
        logits, deltas, features, boxes = zip(*(self.head(level) for level in levels), strict=True)
        sizes = [(level.shape[-2], level.shape[-1]) for level in levels]
        corners, bins = self._corners(boxes), None
        if self.head.bins:
            parts = [level.unflatten(2, (4, self.head.bins)) for level in deltas]
            deltas = tuple(expected(x) * stride for x, stride in zip(parts, self.backbone.strides, strict=True))
            bins = torch.cat(parts, 1)
        return AnchorMaps(torch.cat(logits, 1), torch.cat(deltas, 1), sizes, corners, bins), list(features)

    def _corners(self, features: Sequence[Tensor]) -> tuple[LevelCorners, ...]:
        """Features of every level's box tower -> its corners, none without such a branch."""
        if self.verifier is None:
            return ()
        return tuple(self.verifier(x, stride) for x, stride in zip(features, self.backbone.strides, strict=True))
