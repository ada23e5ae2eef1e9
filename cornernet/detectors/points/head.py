"""The three branches behind a stack: heatmap of the centres, their offsets, and the sizes of the boxes.

Objects as Points, arXiv 1904.07850, section 4 and appendix A.
"""

from torch import Tensor, nn

from cornernet.detectors.corner.head import HEAT_BIAS, branch
from cornernet.structures import PointMaps


class PointHead(nn.Module):
    """Features of one stack [B, channels, H, W] -> PointMaps; kernel: side of a branch's first convolution."""

    def __init__(self, channels: int, num_classes: int, kernel: int = 3):
        super().__init__()
        self.num_classes = num_classes
        self.heat = branch(channels, num_classes, kernel)
        self.offset, self.size = branch(channels, 2, kernel), branch(channels, 2, kernel)
        last = self.heat[-1]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        nn.init.constant_(last.bias, HEAT_BIAS)

    def class_rows(self) -> dict[str, list[int]]:
        """The maps of the heatmap, see `Detector.class_rows`."""
        return {f"heat.2.{name}": list(range(self.num_classes)) for name in ("weight", "bias")}

    def forward(self, features: Tensor) -> PointMaps:
        """Map features to the three maps."""
        return PointMaps(self.heat(features), self.offset(features), self.size(features))
