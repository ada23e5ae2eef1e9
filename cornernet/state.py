"""What a run is at one step, and its way into and out of a checkpoint."""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from cornernet import checkpoint, config, detectors
from cornernet.backbones.recompute import recompute
from cornernet.config import Config, Losses
from cornernet.optim import build_average, build_optimizer


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
    """State before the first step, on the device: random weights, or those of train.init unless it resumes anyway."""
    detector = untrained(settings, len(class_names), device)
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
    """Checkpoint and `a.b=c` overrides -> (detector in eval mode on the CPU, its config, the checkpoint)."""
    held = checkpoint.load(path)
    settings = _only_own_losses(config.override(config.from_container(held["config"]), overrides))
    detector = detectors.build(settings, len(held["class_names"]))
    _load(detector, held, settings, path)
    return detector.eval().to(memory_format=torch.channels_last), settings, held


def _load(detector: nn.Module, held: dict[str, Any], settings: Config, path: str | Path) -> None:
    """Load the weights that count; where they do not fit the error says what is set otherwise than in training."""
    try:
        checkpoint.load_weights(detector, _without_loss(weights(held), detector), str(path))
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
    first, second = (_flat(config.to_dict(x)) for x in (config.from_container(before), now))
    keys = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    return {key: f"{key}: {_yaml(first.get(key))} -> {_yaml(second.get(key))}" for key in keys}


def _flat(values: dict[str, Any], start: str = "") -> dict[str, Any]:
    """Nested dict -> values by dotted key."""
    flat = {}
    for key, value in values.items():
        flat |= _flat(value, f"{start}{key}.") if isinstance(value, dict) else {f"{start}{key}": value}
    return flat


def _yaml(value: Any) -> str:
    value = list(value) if isinstance(value, tuple) else value
    return json.dumps(value, ensure_ascii=False) if value is None or isinstance(value, bool) else str(value)


def _without_loss(held: dict[str, torch.Tensor], detector: nn.Module) -> dict[str, torch.Tensor]:
    """The weights with the detector's own in place of what the losses learnt, which may be others by now."""
    own = {key: value for key, value in detector.state_dict().items() if key.startswith("loss.")}
    return {**{key: value for key, value in held.items() if not key.startswith("loss.")}, **own}


def _only_own_losses(settings: Config) -> Config:
    """Defaults in place of losses by dotted path: a detector predicts without its loss, and to import and call what a
    checkpoint names would be to run code that came with it.
    """
    own = {role: getattr(settings.loss, role) for role in vars(settings.loss)}
    kept = {role: loss for role, loss in own.items() if "." not in loss.name}
    return dataclasses.replace(settings, loss=Losses(**kept))
