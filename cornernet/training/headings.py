"""What curves.png says of the run that it shows."""

import math

from cornernet import detectors
from cornernet.config import Config

LEAST = 6  # evaluations from which on a curve of the AP has a shape


def title(settings: Config, name: str, folder: str, described: str) -> str:
    """Settings, name of the config, name of the run's folder and what its detector says of the loss -> two lines."""
    losses = ", ".join(f"{role} {loss.name}" for role, loss in detectors.roles(settings).items())
    model = f"{settings.model.detector} on {settings.model.backbone.name}"
    run = folder if name in (folder, "config") else f"{folder} (config {name})"  # a run's own is called config
    return f"{run}: {model}, seed {settings.seed}\nlosses {losses}; in the total {described}"


def few(settings: Config) -> str:
    """How to get more points where a run is evaluated fewer than LEAST times; else nothing."""
    steps, every = settings.train.steps, settings.train.eval_every
    planned = math.ceil(steps / every) if every else 1
    if planned >= LEAST or planned >= steps:
        return ""
    times = "once" if planned == 1 else f"{planned} times"
    return f"evaluated {times}; train.eval_every={max(1, steps // LEAST)} gives {LEAST} points"
