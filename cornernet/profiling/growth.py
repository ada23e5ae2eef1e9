"""How time and memory of a training step grow with the picture's size, classes, objects, stacks and batch."""

import math
import statistics
from collections.abc import Callable, Sequence

import torch
from tqdm import tqdm

from cornernet import config, detectors
from cornernet.cli.commandline import Failed
from cornernet.config import Config
from cornernet.evaluation.metrics import aligned
from cornernet.hardware import resolve_precision
from cornernet.profiling import point
from cornernet.profiling.exponents import Exponent, exponent
from cornernet.profiling.quantities import QUANTITIES, Point
from cornernet.profiling.training_step import CLASSES, OBJECTS, PARTS, Measured, device_of

GIB = 2**30
TITLES = ("forward", "backward", "optimiser", "step", "peak", "activations")
NO_HOURGLASS = "stacks: left out, since the {name} of this config is not an hourglass"


def growth(settings: Config, quantity: str, values: Sequence[str] = (), repeats: int = 2) -> str:
    """Measure every value of a quantity, or of all of them -> their tables with exponents, as text.

    values: as typed; the quantity's own list if empty. Every point is measured `repeats` times, each time in a process
    of its own; the points take turns. Raises ValueError, one sentence, for an unknown quantity and values that do not
    suit, before anything is measured.
    """
    plans, notes = plan(settings, quantity, values)
    tables: list[str] = []
    with tqdm(total=repeats * sum(map(len, plans.values())), unit="process", dynamic_ncols=True) as bar:
        for name, points in plans.items():
            bar.set_description(name)
            tables.append(table(name, points, _rounds(settings, points, repeats, bar.update, notes)))
    return "\n\n".join([_head(settings, repeats), *tables, *notes])


def plan(settings: Config, quantity: str, values: Sequence[str] = ()) -> tuple[dict[str, list[Point]], list[str]]:
    """Quantity and values as `growth` takes them -> points of each quantity, and what is to be said of those left out.

    All are built once without memory, so that what does not suit is refused before anything is measured.
    """
    if quantity not in (*QUANTITIES, "all"):
        raise ValueError(f"vary must be {', '.join(QUANTITIES)} or all, got {quantity!r}")
    if quantity == "all" and values:
        raise ValueError(f"values={','.join(values)} goes with one quantity, not with vary=all")
    names, backbone = [quantity] if quantity != "all" else list(QUANTITIES), settings.model.backbone.name
    notes = [NO_HOURGLASS.format(name=backbone)] if "stacks" in names and backbone != "hourglass" else []
    plans = {name: _points(settings, name, values) for name in names if not (notes and name == "stacks")}
    if not plans:
        raise ValueError(notes[0])
    return plans, notes


def _points(settings: Config, name: str, values: Sequence[str]) -> list[Point]:
    points = [QUANTITIES[name].point(text) for text in values or QUANTITIES[name].own(settings)]
    points = sorted({given.value: given for given in points}.values(), key=lambda given: given.value)
    if len(points) < 2:
        raise ValueError(f"growth needs two different values of {name} at least, got {points[0].shown} alone")
    with torch.device("meta"):
        for given in points:
            detectors.build(config.override(settings, given.overrides), given.classes)
    return points


def _rounds(
    settings: Config, points: list[Point], repeats: int, progress: Callable[[], object], notes: list[str]
) -> list[list[Measured]]:
    """Measurements of each point; a round takes every point once, so that a busy while does not bend the curve.

    A point whose process fails, as one does that needs more memory than there is, has none, and the notes say why;
    raises Failed if that is all of them.
    """
    found: list[list[Measured] | None] = [[] for _ in points]
    for _ in range(repeats):
        for k, given in enumerate(points):
            if found[k] is not None:
                found[k] = _tried(settings, given, found[k], notes)
            progress()
    if not any(found):
        raise Failed(notes[-1])
    return [some or [] for some in found]


def _tried(settings: Config, given: Point, so_far: list[Measured], notes: list[str]) -> list[Measured] | None:
    try:
        return [*so_far, point.measured(config.override(settings, given.overrides), given.classes, given.objects)]
    except Failed as error:
        notes.append(str(error))
        return None


def costs(found: Sequence[Measured]) -> tuple[float, ...]:
    """Measurements of one point -> medians in the order of TITLES: seconds of the parts and the step, then bytes.

    NaN where there are none.
    """
    rows = [(*(m.seconds[part] for part in PARTS), sum(m.seconds.values()), m.peak, m.peak - m.constant) for m in found]
    return tuple(map(statistics.median, zip(*rows, strict=True))) if rows else (math.nan,) * len(TITLES)


def table(name: str, points: Sequence[Point], found: Sequence[Sequence[Measured]]) -> str:
    """Points of a quantity and their measurements -> the table of costs, with the exponents below."""
    rows = [costs(some) for some in found]
    slopes = [exponent([p.value for p in points], column) for column in zip(*rows, strict=True)]
    cells = [(p.shown, *map(_seconds, row[:4]), *map(_gib, row[4:])) for p, row in zip(points, rows, strict=True)]
    lines = [
        (QUANTITIES[name].title, *TITLES),
        *cells,
        ("exponent", *map(_fitted, slopes)),
        ("between neighbours", *map(_spread, slopes)),
    ]
    return "\n".join(aligned(lines, "<" + ">" * len(TITLES)))


def _two(slope: float) -> str:
    return f"{round(slope, 2) + 0.0:.2f}"  # no -0.00


def _fitted(slope: Exponent) -> str:
    return "-" if math.isnan(slope.fitted) else _two(slope.fitted)


def _spread(slope: Exponent) -> str:
    return "-" if math.isnan(slope.low) else f"{_two(slope.low)} to {_two(slope.high)}"


def _seconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f} s" if value < 10 else f"{value:.2f} s"


def _gib(value: float) -> str:
    return "-" if math.isnan(value) else f"{value / GIB:.2f} GiB"


def _head(settings: Config, repeats: int) -> str:
    (height, width), device = settings.data.input_size, device_of(settings)
    precision = resolve_precision(settings.train.precision, device.type == "cpu")
    return (
        f"training steps of {settings.train.batch_size} pictures of {height} x {width}, {CLASSES} classes, {OBJECTS} "
        f"objects each, but for what varies; {device}, {precision}, {torch.get_num_threads()} threads, "
        f"medians of {repeats} processes a row\nactivations: the peak less weights, gradients, optimiser state and "
        "what the process held before it built the network"
    )
