"""Feature pyramids: images -> features of one width at strides 2^first .. 2^last, for every supervised stack.

Lin, Dollár, Girshick, He, Hariharan, Belongie: Feature Pyramid Networks, 2017, arXiv 1612.03144; the levels beyond the
backbone's own as in RetinaNet, arXiv 1708.02002, section 4.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet
from torchvision.ops import FeaturePyramidNetwork

from cornernet.backbones.backbone import Backbone
from cornernet.backbones.hourglass import STEM_STRIDE, StackedHourglass, trim

HOURGLASS_FIRST = STEM_STRIDE.bit_length() - 1  # level of the hourglass's finest features, stride 4
STAGES = {2: "layer1", 3: "layer2", 4: "layer3", 5: "layer4"}  # of a ResNet, by level


class Coarser(nn.Module):
    """Further levels, each by a 3x3 convolution of stride 2 from the one before."""

    def __init__(self, channels: int, count: int):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, 2) for _ in range(count))

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Levels, fine to coarse -> the same and `count` more."""
        levels = list(levels)
        for number, conv in enumerate(self.convs):
            x = F.relu(levels[-1]) if number else levels[-1]
            # padded here and not in the convolution, whose bf16 gradient is noise for a level of one cell on a CPU
            levels.append(conv(F.pad(x, (1, 1, 1, 1))))
        return levels


class HourglassPyramid(Backbone):
    """The decoder levels of every hourglass are its pyramid: [B, 3, H, W] -> stacks x levels of [B, channels, h, w].

    Raises ValueError for levels finer than the hourglass's own stride of 4.
    """

    laterals: Sequence[Sequence[nn.Conv2d]]

    def __init__(self, hourglass: StackedHourglass, widths: list[int], channels: int, first: int, last: int):
        super().__init__()
        if first < HOURGLASS_FIRST:
            raise ValueError(f"an hourglass has no level below {HOURGLASS_FIRST} (stride {STEM_STRIDE}), got {first}")
        self.hourglass, self.multiple = hourglass, hourglass.multiple
        skipped = first - HOURGLASS_FIRST
        own = widths[skipped : last - HOURGLASS_FIRST + 1]
        if not own:
            raise ValueError(f"model.anchor.first_level {first} lies beyond the {len(widths)} levels of the hourglass")
        self.skipped, self.taken = skipped, len(own)
        if skipped:  # nobody reads the finest level of the last stack
            trim(hourglass.hourglasses[-1], min(skipped, len(widths) - 1))
            hourglass.outputs[-1] = nn.Identity()
        stacks = len(hourglass.outputs)
        laterals = nn.ModuleList(nn.ModuleList(nn.Conv2d(w, channels, 1) for w in own) for _ in range(stacks))
        self.laterals = laterals  # type: ignore[assignment]  # a ModuleList does not say what it holds
        self.coarser = nn.ModuleList(Coarser(channels, last - first + 1 - len(own)) for _ in range(stacks))

    def segments(self) -> list[nn.Module]:
        """The parts of the hourglass that gradient checkpointing computes twice."""
        return self.hourglass.segments()

    def forward(self, images: Tensor) -> list[list[Tensor]]:
        """Map images to the pyramids of the supervised stacks; in eval mode the last one alone."""
        stacks = list(zip(self.hourglass.levels(images), self.laterals, self.coarser, strict=True))
        pyramids = []
        for levels, laterals, coarser in stacks if self.training else stacks[-1:]:
            own = levels[self.skipped : self.skipped + self.taken]
            pyramids.append(coarser([lateral(x) for lateral, x in zip(laterals, own, strict=True)]))
        return pyramids


class ResNetPyramid(Backbone):
    """A torchvision ResNet with FPN: [B, 3, H, W] BGR -> 1 x levels of [B, channels, h, w].

    weights: file with a ResNet's state dict of torchvision, whose channels are RGB; empty for random ones.
    Raises ValueError for levels the ResNet does not have, FileNotFoundError and ValueError for weights that do not fit.
    """

    multiple = 32

    def __init__(self, name: str, channels: int, first: int, last: int, weights: str = ""):
        super().__init__()
        if first not in STAGES:
            raise ValueError(f"model.anchor.first_level must be one of {', '.join(map(str, STAGES))}, got {first}")
        self.body = getattr(resnet, name)(weights=None)
        if weights:
            _load(self.body, Path(weights))
        del self.body.avgpool, self.body.fc
        self.stages = [STAGES[level] for level in STAGES if first <= level <= last]
        self.run = [STAGES[level] for level in STAGES if level <= last]
        for stage in STAGES.values():
            if stage not in self.run:
                delattr(self.body, stage)
        widths = [_width(getattr(self.body, stage)) for stage in self.stages]
        self.fpn = FeaturePyramidNetwork(widths, channels)
        self.coarser = Coarser(channels, last - first + 1 - len(widths))

    def segments(self) -> list[nn.Module]:
        """The stages of the ResNet, which gradient checkpointing computes twice."""
        return [getattr(self.body, stage) for stage in self.run]

    def forward(self, images: Tensor) -> list[list[Tensor]]:
        """Map images to one pyramid."""
        body, x = self.body, images.flip(1)  # RGB
        x = body.maxpool(body.relu(body.bn1(body.conv1(x))))
        found = {}
        for stage in self.run:
            x = found[stage] = getattr(body, stage)(x)
        return [self.coarser(list(self.fpn({stage: found[stage] for stage in self.stages}).values()))]


def _width(stage: nn.Sequential) -> int:
    """Channels that come out of a stage."""
    return [module for module in stage.modules() if isinstance(module, nn.BatchNorm2d)][-1].num_features


def _load(body: nn.Module, path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"model.backbone.weights: there is no file {path}")
    try:
        body.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises many kinds for foreign files
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"model.backbone.weights: {path} does not hold the weights of this ResNet: {reason}") from None
