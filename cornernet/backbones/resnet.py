"""ResNets of torchvision, with its names of parameters, so that its files of weights fit.

He, Zhang, Ren and Sun: Deep Residual Learning for Image Recognition, 2016, arXiv 1512.03385.
"""

from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, hub, nn

from cornernet.backbones import pretrained
from cornernet.backbones.backbone import Backbone

NAMES = ("resnet18", "resnet34", "resnet50", "resnet101")
KEYS = ("weights",)
STEM = ("bn1", "relu", "maxpool")  # behind conv1
FETCH = "python -c \"import torchvision; torchvision.models.{name}(weights='DEFAULT')\" fetches them from the network"
STAGES = ("layer1", "layer2", "layer3", "layer4")


def colours(name: str) -> pretrained.Colours:
    """Mean and standard deviation, BGR, with which torchvision's weights were trained."""
    return pretrained.MEAN, pretrained.STD


class ResNet(Backbone):
    """Images [B, 3, H, W] BGR -> one stack of the four stages' outputs.

    weights: imagenet, torchvision's in its cache, or a file with a state dict of torchvision's; empty for random ones.
    Raises FileNotFoundError and ValueError for weights that are not there or do not fit.
    """

    strides, multiple = (4, 8, 16, 32), 32

    conv1: nn.Conv2d

    def __init__(self, name: str, weights: str = ""):
        from torchvision.models import resnet  # here, since it is slow to import

        super().__init__()
        whole = getattr(resnet, name)(weights=None)
        if weights:
            pretrained.load(whole, pretrained.file(weights, partial(cached, name), FETCH.format(name=name)))
        for part in ("conv1", *STEM, *STAGES):
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
        x, levels = self._first(images), []
        for part in STEM:
            x = getattr(self, part)(x)
        for stage in self.segments():
            x = stage(x)
            levels.append(x)
        return [levels]

    def _first(self, images: Tensor) -> Tensor:
        """The first convolution, of RGB: its weights are turned round, which are fewer than an image's pixels."""
        conv = self.conv1
        if torch.compiler.is_exporting():  # a graph keeps the weights as they are, so that int8 finds them
            return conv(images.flip(1))
        return F.conv2d(images, conv.weight.flip(1), None, conv.stride, conv.padding)


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


def cached(name: str) -> Path:
    """Where torchvision's downloads of the newest ImageNet weights of a ResNet lie."""
    from torchvision.models import get_model_weights

    url = get_model_weights(name).DEFAULT.url
    return Path(hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
