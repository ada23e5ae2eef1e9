"""What a run is at one step, and its way into and out of a checkpoint."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from cornernet import config, detectors
from cornernet.backbones.recompute import recompute
from cornernet.checkpoints import Taken, take, without_weights
from cornernet.config import Config
from cornernet.detectors import Detector
from cornernet.prediction import Thresholds
from cornernet.system.allocator import keep_memory
from cornernet.training import parts
from cornernet.training.optim import Average, build_average, build_optimizer
from cornernet.version import PLUGINS, __version__


@dataclass
class State:
    """Everything that changes from step to step, with what it takes to make sense of it."""

    config: Config
    class_names: list[str]
    category_ids: list[int]
    detector: Detector
    optimizer: torch.optim.Optimizer
    averaged: Average | None
    step: int = 0  # optimiser steps done
    scored: int = -1  # step of the last evaluation
    best: float = -math.inf  # rank of the best figures so far by train.metric; -1 where there is no object
    stale: int = 0  # evaluations since those
    skipped: int = 0  # steps left out so far because their loss or gradient was not finite
    metrics: dict[str, float] = field(default_factory=dict)  # figures of the last evaluation
    best_f1: Thresholds | None = None  # scores of the best F1 in it
    taken: Taken | None = None  # from the file of train.init, where the run begins with it

    @property
    def evaluated(self) -> Detector:
        """The detector that counts: the averaged one if the run keeps an average."""
        return self.detector if self.averaged is None else self.averaged.module

    @cached_property
    def held_config(self) -> dict[str, Any]:
        """The config as a checkpoint holds it, which is the same at every save."""
        return config.to_dict(self.config)


def initial_state(
    settings: Config, class_names: list[str], category_ids: list[int], device: torch.device, resumes: bool = False
) -> State:
    """State before the first step, on the device: random weights, or what fits of train.init unless it resumes.

    Where it resumes, the file of model.backbone.weights is not opened: the weights come from the checkpoint.
    """
    detector = untrained(without_weights(settings) if resumes else settings, len(class_names), device)
    init = "" if resumes else settings.train.init
    taken = take(detector, settings, class_names, init) if init else None
    optimizer = build_optimizer(detector, settings.train)
    averaged = build_average(detector, settings.train.ema)
    return State(settings, list(class_names), list(category_ids), detector, optimizer, averaged, taken=taken)


def untrained(settings: Config, num_classes: int, device: torch.device) -> Detector:
    """Detector of random weights as a training has it: device, layout, what it freezes and what it computes twice.

    The process keeps the memory that it frees from here on, where what is read of a data set is read already.
    """
    keep_memory()
    detector = detectors.build(settings, num_classes).to(device)
    parts.freeze(detector.network, settings.train.freeze)
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
        "stale": state.stale,
        "metrics": state.metrics,
        "best_f1": None if state.best_f1 is None else state.best_f1._asdict(),
        "config": state.held_config,
        "class_names": state.class_names,
        "category_ids": state.category_ids,
        "versions": {"torch": str(torch.__version__), "numpy": np.__version__, "cornernet": __version__}
        | {"plugins": PLUGINS},
    }
