"""The branches that every level of the pyramid shares: classes and boxes of its anchors. RetinaNet, section 4."""

import math

import torch
from torch import Tensor, nn

PRIOR = 0.01  # probability that an untrained network gives an anchor, equation behind the focal loss's section 4.1
GROUP = 8  # channels that are normalised together, if that divides the width


def tower(channels: int, depth: int) -> nn.Sequential:
    """3x3 convolutions with GroupNorm and ReLU that keep their width."""
    groups = channels // GROUP if channels % GROUP == 0 else 1
    layers = []
    for _ in range(depth):
        layers += [nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.GroupNorm(groups, channels)]
        layers += [nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class AnchorHead(nn.Module):
    """Features of a level [B, channels, h, w] -> logits [B, h w A, C], deltas [B, h w A, 4], features of both.

    bins: of the distribution of each side, or 0; with them there are their logits, [B, h w A, 4 bins], for the deltas.
    """

    def __init__(self, channels: int, depth: int, anchors: int, num_classes: int, bins: int = 0):
        super().__init__()
        self.num_classes, self.bins = num_classes, bins
        self.class_tower, self.box_tower = tower(channels, depth), tower(channels, depth)
        self.classes = nn.Conv2d(channels, anchors * num_classes, 3, padding=1)
        self.boxes = nn.Conv2d(channels, anchors * 4 * max(bins, 1), 3, padding=1)
        for conv in (m for m in self.modules() if isinstance(m, nn.Conv2d)):
            nn.init.normal_(conv.weight, std=0.01)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
        assert self.classes.bias is not None
        nn.init.constant_(self.classes.bias, -math.log((1 - PRIOR) / PRIOR))

    def class_rows(self) -> dict[str, list[int]]:
        """The classes of every anchor of a cell, see `Detector.class_rows`."""
        anchors = self.classes.out_channels // self.num_classes
        return {f"classes.{name}": list(range(self.num_classes)) * anchors for name in ("weight", "bias")}

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Map one level; the features [B, channels, h, w] are those that classes and boxes are read from."""
        classes, boxes = self.class_tower(features), self.box_tower(features)
        deltas = rows(self.boxes(boxes), 4 * max(self.bins, 1))
        return rows(self.classes(classes), self.num_classes), deltas, classes, boxes


def rows(maps: Tensor, width: int) -> Tensor:
    """[B, A width, h, w] -> [B, h w A, width], A varying fastest, as the anchors do."""
    return torch.movedim(maps, 1, -1).reshape(maps.shape[0], -1, width)
