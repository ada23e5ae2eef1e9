"""Files of published code -> checkpoints of this toolkit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cornernet import config, detectors
from cornernet.checkpoints import checkpoint, foreign, load
from cornernet.config import Config
from cornernet.config.shipped import find
from cornernet.data import COCO_CLASSES
from cornernet.detectors.corner import Recognised, check, recognise
from cornernet.system import writing
from cornernet.system.wording import counted


class Imported(NamedTuple):
    """What a published file was, and what was made of it."""

    tensors: int  # in the checkpoint
    naming: str  # the code whose names it had
    member: str  # name of the config that its network is of
    stacks: int
    left: list[str]  # its keys that were left out, which only training needs
    reversed: bool  # whether it read images as RGB, so that the channels of its first convolution were reversed
    compared: bool  # whether outputs of that code were compared with ours
    mean: list[float]  # BGR, of images in 0..1, and
    std: list[float]  # its standard deviation, both as in the checkpoint


def convert_file(published: str | Path, out: str | Path, overrides: Sequence[str] = ()) -> Imported:
    """Published checkpoint file -> checkpoint of this toolkit, with the config of the network that its keys are of.

    overrides change that config. Raises FileNotFoundError, or ValueError for a file that does not hold such weights of
    COCO's classes, does not fit or is not finite, and where `out` exists or its folder does not.
    """
    if Path(out).exists():
        raise ValueError(f"{out} exists already; give another name")
    writing.check_place(out)
    found = _recognised(published)
    settings = config.load(find(found.member), [*_settings(found), *overrides])
    _check_fit(found, settings, published)
    detector = detectors.build(settings, len(COCO_CLASSES))
    checkpoint.load_weights(detector.network, found.tensors, str(published))
    checkpoint.save(_state(detector, settings), out)
    return Imported(
        len(found.tensors), found.naming.title, found.member, found.stacks, found.left, found.naming.rgb,
        found.naming.compared, *(list(settings.data.mean or ()), list(settings.data.std or ())),
    )  # fmt: skip


def _recognised(path: str | Path) -> Recognised:
    """What a file holds; raises ValueError as `convert_file` does."""
    held = checkpoint.read_tensors(path)
    if foreign.ours(held):
        raise ValueError(f"{path} is a checkpoint of this toolkit already")
    held = foreign.weights_in(held)
    if not isinstance(held, dict) or not held or not all(isinstance(value, Tensor) for value in held.values()):
        raise ValueError(f"{path} does not hold a dict of tensors, as the published checkpoints do")
    if odd := [key for key, value in held.items() if not (isinstance(key, str) and checkpoint.ordinary(value))]:
        raise ValueError(
            f"{path} holds what is no ordinary tensor by name under {counted(len(odd), 'key')} (first: "
            f"{str(odd[0])[:80]})"
        )
    try:
        found = recognise(held)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if found.classes not in (0, len(COCO_CLASSES)):
        raise ValueError(
            f"{path} has {counted(found.classes, 'class')} without names, expected the {len(COCO_CLASSES)} of COCO; "
            "train.init takes its weights for classes that you name"
        )
    return found


def _check_fit(found: Recognised, settings: Config, path: str | Path) -> None:
    """Raise ValueError where the network of the config has other tensors, before it takes any memory."""
    with torch.device("meta"), load.at_most(len(found.tensors) + load.SLACK, path):
        network = detectors.build(load.without_weights(settings), len(COCO_CLASSES), with_loss=False).network
    try:
        check(found.tensors, network.state_dict())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _settings(found: Recognised) -> list[str]:
    """What a file says of its config, as overrides."""
    settings = list(found.naming.settings.get(found.member, ()))
    if found.stacks:
        settings.append(f"model.backbone.stacks={found.stacks}")
    if found.naming.colours:
        settings += [f"data.{key}={list(x)}" for key, x in zip(("mean", "std"), found.naming.colours, strict=True)]
    return settings


def _state(detector: detectors.Detector, settings: Config) -> dict[str, Any]:
    return {
        "model": detector.state_dict(),
        "averaged": None,
        "config": config.to_dict(settings),
        "class_names": list(COCO_CLASSES.values()),
        "category_ids": list(COCO_CLASSES),
        "step": 0,
    }
