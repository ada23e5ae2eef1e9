"""Backbones and their necks: images -> feature maps. A backbone is one file; its name is `model.backbone.name`.

The file defines what it is named after, a function or class whose parameters are its arguments, `model.backbone.args`:

    bar(width: int = 64) -> Backbone        what that offers belongs to the instance: see `Backbone`

It may declare

    NAMES = ("bar18", "bar34")              where one file makes several, each defined by its name
    KEYS = ("weights",)                     keys of the section model.backbone that it takes beside its args
    colours(name) -> (mean, std)            BGR, of images in 0..1, with which its weights of that name were trained

Where data.mean and data.std are null they are what `colours` gives, or CornerNet's own where it is left out. A
parameter `out_channels` is given the width that the detector reads, where it has one, and `variant` what stands behind
the slash of a name `timm/resnet50d`. Images come as BGR: a backbone of weights that were trained on RGB turns its first
convolution round. Any backbone serves any
detector: behind those whose levels have not seen the coarser ones there is a pyramid. Beside them in this folder lie
the parts that they share and gradient checkpointing. Called by the detectors, and for what a backbone takes by
`profiling`.
"""

from cornernet.backbones.backbone import Backbone
from cornernet.backbones.building import BACKBONES, build, colours, members, takes
from cornernet.backbones.hourglass import ConvBlock, StackedHourglass
from cornernet.backbones.pyramid import pyramid, single

PARTS = ("backbone", "building", "pretrained", "pyramid", "recompute")  # files of the folder that make no backbone

BACKBONES.update(members(__name__, __path__, PARTS))

__all__ = [
    "BACKBONES",
    "Backbone",
    "ConvBlock",
    "StackedHourglass",
    "build",
    "colours",
    "pyramid",
    "single",
    "takes",
]
