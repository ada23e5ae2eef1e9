"""What a stage is, and how it is timed so that ratios hold on a machine that others use too."""

import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch

Call = Callable[[], Any]


ROOT = Path(__file__).resolve().parent.parent  # of the checkout


class Given(NamedTuple):
    """What the stages are built from."""

    folder: Path  # temporary, for files that a stage writes
    images: int = 5000  # of the COCO evaluation
    config: Path = ROOT / "configs" / "cornernet.yaml"  # of the stages on a whole network


def formulation(name: str) -> ModuleType:
    """Import a plain formulation: the module of that name in tests/reference."""
    spec = importlib.util.spec_from_file_location(f"reference_{name}", ROOT / "tests" / "reference" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Stage(NamedTuple):
    """One work, done in several ways."""

    work: str  # and its size
    ours: dict[str, Call]  # ways in which we do it, by what distinguishes them
    reference: Call | None  # the plain formulation
    floor: Call | None  # what any way has to do at least
    notes: tuple[str, ...] = ()  # shown below the table


class Row(NamedTuple):
    """Medians in seconds; NaN for what there is not."""

    work: str
    ours: float
    reference: float
    floor: float
    gain: float  # reference / ours
    distance: float  # ours / floor


def rows(stage: Stage, repeats: int) -> list[Row]:
    """Time a stage: every way once a round, after one round that does not count. Ratios are medians over rounds."""
    calls = {**stage.ours, "reference": stage.reference, "floor": stage.floor}
    calls = {name: call for name, call in calls.items() if call is not None}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(repeats + 1):
        for name, call in calls.items():
            taken = _seconds(call)
            if number:
                seconds[name].append(taken)
    plain, floor = seconds.get("reference", []), seconds.get("floor", [])
    return [
        Row(
            f"{stage.work}, {name}" if name else stage.work,
            *map(_median, (seconds[name], plain, floor)),
            _median([a / b for a, b in zip(plain, seconds[name], strict=False)]),
            _median([b / a for a, b in zip(floor, seconds[name], strict=False)]),
        )
        for name in stage.ours
    ]


def _seconds(call: Call) -> float:
    start = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")
