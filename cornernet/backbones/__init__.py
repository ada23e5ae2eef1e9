"""Backbones: images -> feature maps. The stacked hourglass, pyramids of it and of ResNets, and gradient checkpointing.

Called by the detectors alone.
"""

from cornernet.backbones.backbone import Backbone
from cornernet.backbones.hourglass import STEM_STRIDE, ConvBlock, StackedHourglass
from cornernet.backbones.pyramid import HourglassPyramid, ResNetPyramid

__all__ = [
    "STEM_STRIDE",
    "Backbone",
    "ConvBlock",
    "HourglassPyramid",
    "ResNetPyramid",
    "StackedHourglass",
]
