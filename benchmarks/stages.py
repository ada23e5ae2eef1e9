"""The table of all stages: ours, a plain formulation of the published algorithm, and what any program has to do."""

import difflib
import math
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks import exported, files, network, tensors
from benchmarks.measure import Given, Row, Stage, rows
from cornernet.cli.commandline import Command, call
from cornernet.cli.keys import Reader, whole
from cornernet.evaluation.metrics import aligned

USAGE = """python -m benchmarks.stages [repeats=N] [images=N] [only=STAGE,STAGE]

Times every stage beside a plain formulation of the published algorithm (tests/reference) and beside the floor, what any
program has to do, as medians over interleaved repeats (7). Stages: loss, pool, targets, decode, loader, large (a
large JPEG), evaluation (of images=5000), startup, and of Hourglass-104 training, inference and int8 (exported files),
which take minutes and 9 or 10 GB and run only if named, for example
  python -m benchmarks.stages repeats=15 only=loss,pool
  python -m benchmarks.stages repeats=3 only=training,inference"""

STAGES: dict[str, Callable[[Given], Stage]] = {
    "loss": tensors.loss,
    "pool": tensors.pool,
    "targets": tensors.targets,
    "decode": tensors.detections,
    "loader": files.loader,
    "large": files.large,
    "evaluation": files.evaluation,
    "startup": files.startup,
    "training": network.training,
    "inference": network.predicting,
    "int8": exported.int8,
}
LONG = ("training", "inference", "int8")  # minutes and up to 10 GB
SHORT = [name for name in STAGES if name not in LONG]


def stages(names: Sequence[str], repeats: int, given: Callable[[Path], Given] = Given) -> tuple[list[Row], list[str]]:
    """Time these stages, made of what is given with a temporary folder -> their rows and what is to be said of them."""
    torch.manual_seed(0)
    found, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            stage = STAGES[name](given(Path(folder)))
            found += rows(stage, repeats)
            notes += stage.notes
    return found, notes


def table(found: Sequence[Row], notes: Sequence[str], repeats: int) -> str:
    """Rows of all stages and what is to be said of them, as text."""
    head = f"medians of {repeats} interleaved repeats in ms, {torch.get_num_threads()} threads, load {_load()}"
    titles = ("stage", "ours", "reference", "floor", "ref/ours", "ours/floor")
    cells = [(r.work, *map(_ms, (r.ours, r.reference, r.floor)), _ratio(r.gain), _ratio(r.distance)) for r in found]
    return "\n".join([head, "", *aligned([titles, *cells], "<>>>>>"), *([""] if notes else []), *notes])


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _ms(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:.0f}"


def _ratio(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _names(text: str) -> list[str]:
    """Read names of stages, with commas between them."""
    names = [name.strip() for name in text.strip("[]").split(",")]
    for name in names:
        if name not in STAGES:
            near = difflib.get_close_matches(name, STAGES, 1)
            hint = f", did you mean {near[0]}?" if near else f"; there are {', '.join(STAGES)}"
            raise ValueError(f"names the unknown stage {name!r}{hint}")
    return names


def main(repeats: int = 7, images: int = 5000, only: Sequence[str] = SHORT) -> None:
    """Time and print the table."""
    print(table(*stages(only, repeats, lambda folder: Given(folder, images)), repeats))


KEYS = {"repeats": Reader(whole(1)), "images": Reader(whole(1)), "only": Reader(_names)}
COMMAND = Command(main, USAGE, paths=0, keys=KEYS, overrides=False)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
