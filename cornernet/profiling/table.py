"""The table of all stages: ours, a plain formulation of the published algorithm, and what any program has to do."""

import difflib
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from cornernet.evaluation.metrics import aligned
from cornernet.profiling import exported, files, network, tensors
from cornernet.profiling.measure import Given, Row, Stage, rows

STAGES: dict[str, Callable[[Given], Stage]] = {
    "loss": tensors.loss,
    "pool": tensors.pool,
    "targets": tensors.targets,
    "decode": tensors.detections,
    "loader": files.loader,
    "evaluation": files.evaluation,
    "startup": files.startup,
    "training": network.training,
    "inference": network.predicting,
    "int8": exported.int8,
}
LONG = ("training", "inference", "int8")  # minutes and up to 10 GB
KEYS = {"repeats": "7", "images": "5000", "only": ",".join(name for name in STAGES if name not in LONG)}


def stages(overrides: Sequence[str], root: str | Path) -> str:
    """repeats=N, images=N and only=a,b among the overrides, the checkout -> the table of its stages.

    Times are medians over interleaved repeats. Raises ValueError for another key, name or number.
    """
    repeats, images, names = _read(overrides)
    torch.manual_seed(0)
    found, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        given = Given(Path(root), Path(folder), images)
        if given.reference("loss") is None:
            notes = [f"without a reference: {given.root / 'tests' / 'reference'}, part of the repository, is absent"]
        for name in names:
            stage = STAGES[name](given)
            found += rows(stage, repeats)
            notes += stage.notes
    return table(found, notes, repeats)


def table(found: Sequence[Row], notes: Sequence[str], repeats: int) -> str:
    """Rows of all stages and what is to be said of them, as text."""
    head = f"medians of {repeats} interleaved repeats in ms, {torch.get_num_threads()} threads, load {_load()}"
    titles = ("stage", "ours", "reference", "floor", "ref/ours", "ours/floor")
    cells = [(r.work, *map(_ms, (r.ours, r.reference, r.floor)), _ratio(r.gain), _ratio(r.distance)) for r in found]
    return "\n".join([head, "", *aligned([titles, *cells], "<>>>>>"), *([""] if notes else []), *notes])


def _read(overrides: Sequence[str]) -> tuple[int, int, list[str]]:
    values = dict(KEYS)
    for text in overrides:
        key, _, value = text.partition("=")
        if key not in KEYS:
            raise ValueError(f"unknown key {key}; without a config there are {', '.join(KEYS)}")
        values[key] = value
    numbers = []
    for key in ("repeats", "images"):
        if not values[key].isdecimal() or int(values[key]) < 1:
            raise ValueError(f"{key} must be a whole number of at least 1, got {values[key]!r}")
        numbers.append(int(values[key]))
    names = [name.strip() for name in values["only"].strip("[]").split(",")]
    for name in names:
        if name not in STAGES:
            near = difflib.get_close_matches(name, STAGES, 1)
            hint = f", did you mean {near[0]}?" if near else f"; there are {', '.join(STAGES)}"
            raise ValueError(f"unknown stage {name!r}{hint}")
    return *numbers, names


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _ms(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:.0f}"


def _ratio(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
