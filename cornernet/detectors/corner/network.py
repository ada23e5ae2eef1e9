"""The convolutional part of CornerNet: a stacked hourglass with a corner head behind every stack."""

from torch import Tensor, nn

from cornernet.detectors.corner.head import CornerHead
from cornernet.structures import CornerMaps


class CornerNetwork(nn.Module):
    """Normalised images [B, 3, H, W] -> list of CornerMaps, one a stack; in eval mode the last stack's alone."""

    def __init__(self, backbone: nn.Module, heads: list[CornerHead]):
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleList(heads)

    def forward(self, images: Tensor) -> list[CornerMaps]:
        """Map pictures to the maps of the supervised stacks."""
        features = self.backbone(images)
        supervised = slice(None) if self.training else slice(-1, None)
        return [head(x) for head, x in zip(self.heads[supervised], features[supervised], strict=True)]
