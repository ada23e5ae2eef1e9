"""What a run is at one step, and its way into and out of a checkpoint."""

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.optim.swa_utils import AveragedModel

from cornernet import config, detectors
from cornernet.backbones.recompute import recompute
from cornernet.checkpoints import checkpoint
from cornernet.config import Config, Losses, elsewhere, ranges
from cornernet.training.optim import build_average, build_optimizer

SLACK = 1000  # tensors of a network that a checkpoint may lack before it is told what is missing


@dataclass
class State:
    """Everything that changes from step to step, with what it takes to make sense of it."""

    config: Config
    class_names: list[str]
    category_ids: list[int]
    detector: nn.Module
    optimizer: torch.optim.Optimizer
    averaged: AveragedModel | None
    step: int = 0  # optimiser steps done
    scored: int = -1  # step of the last evaluation
    best: float = -math.inf  # best AP so far; AP itself is -1 where there is no object
    skipped: int = 0  # steps left out so far because their loss or gradient was not finite
    metrics: dict[str, float] = field(default_factory=dict)  # figures of the last evaluation

    @property
    def evaluated(self) -> nn.Module:
        """The detector that counts: the averaged one if the run keeps an average."""
        return self.detector if self.averaged is None else self.averaged.module


def start(
    settings: Config, class_names: list[str], category_ids: list[int], device: torch.device, resumes: bool = False
) -> State:
    """State before the first step, on the device: random weights, or those of train.init unless it resumes anyway.

    Where it resumes, the file of model.backbone.weights is not opened: the weights come from the checkpoint.
    """
    detector = untrained(without_weights(settings) if resumes else settings, len(class_names), device)
    if settings.train.init and not resumes:
        _load(detector, checkpoint.load(settings.train.init), settings, settings.train.init)
    optimizer = build_optimizer(detector, settings.train)
    averaged = build_average(detector, settings.train.ema)
    return State(settings, list(class_names), list(category_ids), detector, optimizer, averaged)


def untrained(settings: Config, num_classes: int, device: torch.device) -> nn.Module:
    """Detector of random weights as a training has it: on its device, in its layout, with what it computes twice."""
    detector = detectors.build(settings, num_classes).to(device)
    if settings.train.channels_last:
        detector = detector.to(memory_format=torch.channels_last)
    if settings.train.gradient_checkpointing:
        recompute(detector.network.segments())
    return detector


def without_weights(settings: Config) -> Config:
    """The config with no file of weights, for a detector whose weights come from a checkpoint."""
    backbone = dataclasses.replace(settings.model.backbone, weights="")
    return dataclasses.replace(settings, model=dataclasses.replace(settings.model, backbone=backbone))


def snapshot(state: State, scaler: dict | None = None) -> dict[str, Any]:
    """State -> what a checkpoint holds: tensors and plain values alone."""
    return {
        "model": state.detector.state_dict(),
        "averaged": None if state.averaged is None else state.averaged.module.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "scaler": scaler,
        "rng": torch.get_rng_state(),
        "step": state.step,
        "scored": state.scored,
        "skipped": state.skipped,
        "best": state.best,
        "metrics": state.metrics,
        "config": config.to_dict(state.config),
        "class_names": state.class_names,
        "category_ids": state.category_ids,
        "versions": {"torch": str(torch.__version__), "numpy": np.__version__},
    }


def weights(held: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint that count: the averaged ones if it has them."""
    return held["model"] if held.get("averaged") is None else held["averaged"]


def load_detector(path: str | Path, overrides: list[str] = ()) -> tuple[nn.Module, Config, dict[str, Any]]:
    """Checkpoint and `a.b=c` overrides -> (detector in eval mode on the CPU, its config, the checkpoint).

    The detector has no loss, and the file of weights that its training began with is not opened.
    """
    held = checkpoint.load(path)
    settings = _only_own_losses(config.override(from_file(held["config"]), overrides))
    build = partial(detectors.build, without_weights(settings), len(held["class_names"]), with_loss=False)
    fit(build, held, settings, path)
    if len(held["class_names"]) != len(held["category_ids"]):
        raise ValueError(
            f"{path} has {len(held['class_names'])} class_names and {len(held['category_ids'])} category_ids"
        )
    detector = build()
    _load(detector, held, settings, path)
    return detector.eval().to(memory_format=torch.channels_last), settings, held


def from_file(values: dict[str, Any]) -> Config:
    """Config as a file holds it -> Config; raises ValueError for one that does not fit or asks for too much."""
    settings = config.from_container(values)
    ranges.most(settings)
    return settings


def fit(build: Callable[[], nn.Module], held: dict[str, Any], settings: Config, path: str | Path) -> None:
    """Raise ValueError where a network is not the one whose weights a checkpoint holds, before it takes any memory."""
    with _told_apart(held, settings), torch.device("meta"), _at_most(len(held["model"]) + SLACK, path):
        detector = build()
        checkpoint.check_fit(detector, _without_loss(weights(held), detector), str(path))


@contextmanager
def _at_most(count: int, path: str | Path) -> Iterator[None]:
    """Raise ValueError as soon as a network has more parameters: a config of few words may describe millions."""
    left = iter(range(count))

    def counted(*_: Any) -> None:
        if next(left, None) is None:
            raise ValueError(
                f"{path} holds another model than the config describes, which has more than {count} tensors"
            )

    hook = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        hook.remove()


def _load(detector: nn.Module, held: dict[str, Any], settings: Config, path: str | Path) -> None:
    """Load the weights that count."""
    with _told_apart(held, settings):
        checkpoint.load_weights(detector, _without_loss(weights(held), detector), str(path))


@contextmanager
def _told_apart(held: dict[str, Any], settings: Config) -> Iterator[None]:
    """Where weights do not fit the error says what is set otherwise than in training."""
    try:
        yield
    except ValueError as error:
        changed = differences(held["config"], settings)
        changed = [text for key, text in changed.items() if key.startswith("model.")]
        raise ValueError(
            f"{error}; other settings than it was made with: {'; '.join(changed)}" if changed else error
        ) from None


def differences(before: dict[str, Any], now: Config) -> dict[str, str]:
    """Config as a checkpoint holds it, and that of now -> `key: before -> now` of every key whose value differs.

    A key that the checkpoint does not have yet counts with its default. Raises ValueError for one that is unknown.
    """
    first, second = (flat(config.to_dict(x)) for x in (config.from_container(before), now))
    keys = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    return {key: f"{key}: {_yaml(first.get(key))} -> {_yaml(second.get(key))}" for key in keys}


def flat(values: dict[str, Any], start: str = "") -> dict[str, Any]:
    """Nested dict -> values by dotted key."""
    found = {}
    for key, value in values.items():
        found |= flat(value, f"{start}{key}.") if isinstance(value, dict) else {f"{start}{key}": value}
    return found


def _yaml(value: Any) -> str:
    value = list(value) if isinstance(value, tuple) else value
    return json.dumps(value, ensure_ascii=False) if value is None or isinstance(value, bool) else str(value)


def _without_loss(held: dict[str, torch.Tensor], detector: nn.Module) -> dict[str, torch.Tensor]:
    """The weights with the detector's own in place of what the losses learnt, which may be others by now."""
    own = {key: value for key, value in detector.state_dict().items() if key.startswith("loss.")}
    return {**{key: value for key, value in held.items() if not key.startswith("loss.")}, **own}


def _only_own_losses(settings: Config) -> Config:
    """Defaults in place of losses that ask for code from elsewhere, so that nobody further on finds them in the config:
    a detector predicts without its loss, and to look up what a checkpoint names would be to run code that came with it.
    """
    section = config.to_dict(settings)["loss"]
    kept = {role: getattr(settings.loss, role) for role in section if not elsewhere.needed(section, [role])}
    return dataclasses.replace(settings, loss=Losses(**kept))
