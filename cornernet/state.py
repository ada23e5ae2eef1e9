"""What a run is at one step, and its way into and out of a checkpoint."""

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from cornernet import checkpoint, config, detectors
from cornernet.config import Config, Losses
from cornernet.optim import build_average, build_optimizer

RESUMED = ("optimizer", "averaged", "rng", "best", "metrics")  # what only a training checkpoint holds


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
    metrics: dict[str, float] = field(default_factory=dict)  # figures of the last evaluation

    @property
    def evaluated(self) -> nn.Module:
        """The detector that counts: the averaged one if the run keeps an average."""
        return self.detector if self.averaged is None else self.averaged.module


def start(settings: Config, class_names: list[str], category_ids: list[int], device: torch.device) -> State:
    """State before the first step, on the device: random weights, or those of train.init."""
    detector = detectors.build(settings, len(class_names)).to(device)
    if settings.train.channels_last:
        detector = detector.to(memory_format=torch.channels_last)
    if settings.train.init:
        held = checkpoint.load(settings.train.init)
        checkpoint.load_weights(detector, _without_loss(weights(held), detector), settings.train.init)
    optimizer = build_optimizer(detector, settings.train)
    averaged = build_average(detector, settings.train.ema)
    return State(settings, list(class_names), list(category_ids), detector, optimizer, averaged)


def restore(state: State, path: Path) -> dict[str, Any]:
    """Put a checkpoint's weights, optimiser and position into the state -> the checkpoint.

    Raises ValueError where the checkpoint belongs to another model, other classes, another optimiser or averaging.
    """
    held = checkpoint.load(path)
    _check_resumable(held, state, path)
    checkpoint.load_weights(state.detector, held["model"], str(path))
    _restore_optimizer(state.optimizer, held["optimizer"])
    if state.averaged is not None:
        checkpoint.load_weights(state.averaged.module, held["averaged"], str(path))
        state.averaged.n_averaged.fill_(held["step"])
    state.step, state.best, state.metrics = held["step"], held["best"], held["metrics"]
    state.scored = held.get("scored", -1)
    torch.set_rng_state(held["rng"])
    return held


def _check_resumable(held: dict[str, Any], state: State, path: Path) -> None:
    if missing := [key for key in RESUMED if key not in held]:
        raise ValueError(f"{path} holds no {', '.join(missing)}, so it cannot be resumed; train.init starts from it")
    if (held["class_names"], held["category_ids"]) != (state.class_names, state.category_ids):
        raise ValueError(f"{path} was trained on the classes {held['class_names']}, the data has {state.class_names}")
    before, now = config.from_container(held["config"]).train, state.config.train
    if (before.ema is None) != (now.ema is None):
        raise ValueError(f"{path} was trained with train.ema={before.ema}, got {now.ema}; resume it with the same")
    names = [x.loss.feature.name for x in (config.from_container(held["config"]), state.config)]
    if names[0] != names[1]:
        raise ValueError(
            f"{path} was trained with loss.feature.name={names[0]}, got {names[1]}; resume it with the same"
        )
    if before.optimizer != now.optimizer:
        raise ValueError(f"{path} was trained with train.optimizer={before.optimizer}, got {now.optimizer}")


def _restore_optimizer(optimizer: torch.optim.Optimizer, held: dict[str, Any]) -> None:
    """Load what the optimiser remembers; its settings stay those of the config, which may have been changed."""
    decays = [group["weight_decay"] for group in optimizer.param_groups]
    optimizer.load_state_dict(held)
    for group, decay in zip(optimizer.param_groups, decays, strict=True):
        group["weight_decay"] = decay


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
    checkpoint.load_weights(detector, _without_loss(weights(held), detector), str(path))
    return detector.eval(), settings, held


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
