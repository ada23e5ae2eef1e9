"""ResNets of torchvision, with its names of parameters, so that its files of weights fit.

He, Zhang, Ren and Sun: Deep Residual Learning for Image Recognition, 2016, arXiv 1512.03385.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import resnet

from cornernet.backbones.backbone import Backbone

NAMES = ("resnet18", "resnet34", "resnet50", "resnet101")
KEYS = ("weights",)
STEM = ("conv1", "bn1", "relu", "maxpool")
STAGES = ("layer1", "layer2", "layer3", "layer4")


class ResNet(Backbone):
    """Images [B, 3, H, W] BGR -> one stack of the four stages' outputs.

    weights: file with a ResNet's state dict of torchvision, whose channels are RGB; empty for random ones. Raises
    FileNotFoundError and ValueError for weights that do not fit.
    """

    strides, multiple = (4, 8, 16, 32), 32

    def __init__(self, name: str, weights: str = ""):
        super().__init__()
        whole = getattr(resnet, name)(weights=None)
        if weights:
            _load(whole, Path(weights))
        for part in (*STEM, *STAGES):
            self.add_module(part, getattr(whole, part))
        self.channels = [_width(getattr(whole, stage)) for stage in STAGES]
        self.kept: tuple[str, ...] = STAGES

    def keep(self, first: int, last: int) -> None:
        """Take out the stages behind the last level."""
        for stage in STAGES[last + 1 :]:
            delattr(self, stage)
        self.kept = STAGES[: last + 1]

    def segments(self) -> list[nn.Module]:
        """The stages, which gradient checkpointing computes twice."""
        return [getattr(self, stage) for stage in self.kept]

    def forward(self, images: Tensor) -> list[list[Tensor]]:
        """Map images as the class says."""
        x, levels = images.flip(1), []  # RGB
        for part in STEM:
            x = getattr(self, part)(x)
        for stage in self.segments():
            x = stage(x)
            levels.append(x)
        return [levels]


def resnet18(weights: str = "") -> ResNet:
    """ResNet-18, levels of stride 4, 8, 16 and 32; 11 million parameters."""
    return ResNet("resnet18", weights)


def resnet34(weights: str = "") -> ResNet:
    """ResNet-34, levels of stride 4, 8, 16 and 32; 21 million parameters."""
    return ResNet("resnet34", weights)


def resnet50(weights: str = "") -> ResNet:
    """ResNet-50, levels of stride 4, 8, 16 and 32; 23 million parameters."""
    return ResNet("resnet50", weights)


def resnet101(weights: str = "") -> ResNet:
    """ResNet-101, levels of stride 4, 8, 16 and 32; 42 million parameters."""
    return ResNet("resnet101", weights)


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
