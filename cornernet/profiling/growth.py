"""How time and memory of a training step grow with the image's size, classes, objects, stacks and batch."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from cornernet import backbones, detectors
from cornernet.config import Config, untyped
from cornernet.errors import Failed
from cornernet.profiling import point
from cornernet.profiling.exponents import Exponent, exponent
from cornernet.profiling.quantities import QUANTITIES, Point
from cornernet.profiling.training_step import PARTS, Measured
from cornernet.system.progress import Progress

COSTS = ("forward", "backward", "optimiser", "step", "peak", "activations")
NO_STACKS = "stacks: left out, since the backbone {name} of this config does not take model.backbone.stacks"


class Table(NamedTuple):
    """How the costs grow with one quantity."""

    name: str  # in QUANTITIES
    points: list[Point]
    costs: list[tuple[float, ...]]  # of every point, in the order of COSTS
    exponents: list[Exponent]  # of every cost


class Growth(NamedTuple):
    """Measured growth of a config's training step."""

    tables: list[Table]
    notes: list[str]  # what was left out or failed


def vary(settings: Config, quantity: str, values: Sequence[str] = (), repeats: int = 2) -> Growth:
    """Measure every value of a quantity, or of all of them -> Growth.

    values: as typed; the quantity's own list if empty. Every point is measured `repeats` times, each time in a process
    of its own; the points take turns. Raises ValueError, one sentence, for an unknown quantity and values that do not
    suit, before anything is measured.
    """
    plans, notes = plan(settings, quantity, values)
    tables: list[Table] = []
    with Progress(repeats * sum(map(len, plans.values())), "process") as bar:
        for name, points in plans.items():
            bar.describe(name)
            tables.append(table(name, points, _rounds(points, repeats, bar.update, notes)))
    return Growth(tables, notes)


def plan(settings: Config, quantity: str, values: Sequence[str] = ()) -> tuple[dict[str, list[Point]], list[str]]:
    """Quantity and values as `vary` takes them -> points of each quantity, and what is to be said of those left out.

    All are built once without memory, so that what does not suit is refused before anything is measured.
    """
    if quantity not in (*QUANTITIES, "all"):
        raise ValueError(f"vary must be {', '.join(QUANTITIES)} or all, got {quantity!r}")
    if quantity == "all" and values:
        raise ValueError(f"values={','.join(values)} goes with one quantity, not with vary=all")
    names, backbone = [quantity] if quantity != "all" else list(QUANTITIES), settings.model.backbone
    stacks = "stacks" in backbones.takes(backbone, typed=not untyped(settings, "model.backbone"))
    notes = [] if stacks or "stacks" not in names else [NO_STACKS.format(name=backbone.name)]
    plans = {name: _points(settings, name, values) for name in names if not (notes and name == "stacks")}
    if not plans:
        raise ValueError(notes[0])
    return plans, notes


def _points(settings: Config, name: str, values: Sequence[str]) -> list[Point]:
    points = [QUANTITIES[name].point(settings, text) for text in values or QUANTITIES[name].own(settings)]
    points = sorted({given.value: given for given in points}.values(), key=lambda given: given.value)
    if len(points) < 2:
        raise ValueError(f"growth needs two different values of {name} at least, got {points[0].shown} alone")
    with torch.device("meta"):
        for given in points:
            detectors.build(given.settings, given.classes)
    return points


def _rounds(
    points: list[Point], repeats: int, progress: Callable[[], object], notes: list[str]
) -> list[list[Measured]]:
    """Measurements of each point; a round takes every point once, so that a busy while does not bend the curve.

    A point whose process fails, as one does that needs more memory than there is, has none, and the notes say why;
    raises Failed if that is all of them.
    """
    found: list[list[Measured] | None] = [[] for _ in points]
    for _ in range(repeats):
        for k, given in enumerate(points):
            if (so_far := found[k]) is not None:
                found[k] = _tried(given, so_far, notes)
            progress()
    if not any(found):
        raise Failed(notes[-1])
    return [some or [] for some in found]


def _tried(given: Point, so_far: list[Measured], notes: list[str]) -> list[Measured] | None:
    try:
        return [*so_far, point.measured(given.settings, given.classes, given.objects)]
    except Failed as error:
        notes.append(str(error))
        return None


def costs(found: Sequence[Measured]) -> tuple[float, ...]:
    """Measurements of one point -> medians in the order of COSTS: seconds of the parts and the step, then bytes.

    NaN where there are none.
    """
    rows = [(*(m.seconds[part] for part in PARTS), sum(m.seconds.values()), m.peak, m.peak - m.constant) for m in found]
    return tuple(map(statistics.median, zip(*rows, strict=True))) if rows else (math.nan,) * len(COSTS)


def table(name: str, points: list[Point], found: Sequence[Sequence[Measured]]) -> Table:
    """Points of a quantity and their measurements -> the costs and their exponents."""
    rows = [costs(some) for some in found]
    slopes = [exponent([p.value for p in points], column) for column in zip(*rows, strict=True)]
    return Table(name, points, rows, slopes)
