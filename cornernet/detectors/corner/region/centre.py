"""Class logits of every cell, read around the middle of a box: the class of its inside without a second network.

Between the centre keypoints of Duan et al.: CenterNet, 2019, arXiv 1904.08189, section 3.2, whose central region it
reads, and the score maps of Dai et al.: R-FCN, 2016, arXiv 1605.06409, with one bin.
"""

from torch import Tensor, nn

from cornernet.backbones import ConvBlock
from cornernet.config.ranges import Interval
from cornernet.detectors.corner.region.cpn import BIAS, FEW, WIDTH, within
from cornernet.ops.boxes import scaled
from cornernet.ops.roi_align import roi_align
from cornernet.structures import RegionLogits


class centre(nn.Module):  # its name in a config
    """One convolution and one map of logits, averaged over the middle of each box."""

    def __init__(
        self, channels: int, num_classes: int, width: int = 64, layers: int = 1, share: float = 0.33, points: int = 3
    ) -> None:
        """width: of the 3x3 convolutions in front of the logits, as many as layers says; share: of a box's sides that
        is read, at points x points places.
        """
        super().__init__()
        within(WIDTH, width=width)
        within(FEW, points=points)
        within(FEW._replace(low=0), layers=layers)
        within(Interval(0, 1, "(]"), share=share)
        convs = [ConvBlock(channels if n == 0 else width, width) for n in range(layers)]
        last = nn.Conv2d(width if layers else channels, num_classes, 1)
        assert last.bias is not None
        nn.init.constant_(last.bias, BIAS)
        self.logits = nn.Sequential(*convs, last)
        self.num_classes, self.share, self.points = num_classes, share, points

    def maps(self, features: Tensor) -> tuple[Tensor, ...]:
        """Features [B, channels, H, W] -> logits [B, C, H, W]."""
        return (self.logits(features),)

    def segments(self) -> list[nn.Module]:
        """The map, for gradient checkpointing."""
        return [self.logits]

    def class_rows(self) -> dict[str, list[int]]:
        """The layer of the logits, see `Detector.class_rows`."""
        last = len(self.logits) - 1
        rows = list(range(self.num_classes))
        return {f"logits.{last}.weight": rows, f"logits.{last}.bias": rows}

    def forward(self, maps: tuple[Tensor, ...], boxes: Tensor) -> RegionLogits:
        """Logits of `maps`, boxes [B, N, 4] in cells -> RegionLogits, without a word on the pair."""
        read = roi_align(maps[0], scaled(boxes, self.share), 1, self.points)
        return RegionLogits(None, read.view(*boxes.shape[:2], -1))
