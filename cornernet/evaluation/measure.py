"""One metric: what its file declares, and its figures of an evaluation. The folder measures/ says what a file holds."""

import inspect
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

from cornernet.errors import BadPlugin
from cornernet.evaluation.evaluated import Evaluated
from cornernet.system.wording import counted

NAME = re.compile(r"[A-Za-z]\w*")  # of a figure: a column of eval.csv and a tag of TensorBoard
TAKEN = {  # names that eval.csv and metrics.json have already
    "step", "images", "objects", "detections", "seconds_per_image", "per_class", "unreadable", "own",
    "best_f1", "best_f1_threshold", "best_f1_precision", "best_f1_recall", "max_per_image", "image_f1",
}  # fmt: skip


def three_decimals(value: float) -> str:
    """Print a value as COCO's are printed."""
    return f"{value:.3f}"


class Measure(NamedTuple):
    """What a metric declares."""

    name: str
    function: Callable[[Evaluated], Any]
    higher: bool  # whether more is better
    figures: dict[str, str]  # name -> what it measures
    shown: Callable[[float], str] = three_decimals

    def rank(self, value: float) -> float:
        """Value of a figure -> a number that is larger where it is better; -1, nothing to measure, is below all."""
        worst = -1.0 if self.higher else -sys.float_info.max
        return worst if value < 0 else value if self.higher else -value


@dataclass(frozen=True)
class Figure:
    """A figure of an evaluation, with all that it takes to show it."""

    name: str
    value: float  # -1 where there is nothing to measure
    meaning: str
    text: str  # as it is printed


def measure_of(name: str, module: ModuleType) -> Measure:
    """Name and module of a file of the folder -> Measure; raises BadPlugin, which names the file."""
    try:
        return declared(name, getattr(module, name, None))
    except ValueError as error:
        raise BadPlugin(f"{module.__file__}: {error}") from None


def declared(name: str, function: Any) -> Measure:
    """Function of this name, which declares on itself or in its file -> Measure; raises ValueError, one sentence."""
    if not callable(function):
        raise ValueError(f"metric {name} must be a function {name.rpartition('.')[2]}(seen), got {function!r}")
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    own = {key: getattr(function, key, getattr(module, key, None)) for key in ("HIGHER", "FIGURES", "shown")}
    figures = {name.rpartition(".")[2]: _first_line(function, module)} if own["FIGURES"] is None else own["FIGURES"]
    if type(own["HIGHER"]) is not bool:
        raise ValueError(f"metric {name} must declare HIGHER = True or False, got {own['HIGHER']!r}")
    if not isinstance(figures, dict) or not figures or not all(isinstance(x, str) for x in figures.values()):
        raise ValueError(
            f"metric {name} declares FIGURES = {figures!r}, expected a dict of names with what they measure"
        )
    if wrong := [x for x in figures if not isinstance(x, str) or not NAME.fullmatch(x) or x in TAKEN]:
        allowed = f"a letter, then letters, digits or _, and none of {', '.join(sorted(TAKEN))}"
        raise ValueError(f"metric {name} has a figure {wrong[0]!r}; expected {allowed}")
    return Measure(name, function, own["HIGHER"], figures, own["shown"] or three_decimals)


def _first_line(function: Any, module: ModuleType | None) -> str:
    return (inspect.getdoc(function) or inspect.getdoc(module) or "").partition("\n")[0]


def by_figure(measures: Mapping[str, Measure]) -> dict[str, Measure]:
    """Measures by name -> by the names of their figures; raises BadPlugin where two have one name."""
    found: dict[str, Measure] = {}
    for measure in measures.values():
        for figure in measure.figures:
            if figure in found:
                raise BadPlugin(f"the metrics {found[figure].name} and {measure.name} both have a figure {figure}")
            found[figure] = measure
    return found


def figures_of(seen: Evaluated, measures: Mapping[str, Measure]) -> dict[str, Figure]:
    """What an evaluation knows -> Figure of all these metrics by name; raises ValueError naming the metric."""
    return {figure.name: figure for measure in measures.values() for figure in _figures(seen, measure)}


def _figures(seen: Evaluated, measure: Measure) -> list[Figure]:
    try:
        found = measure.function(seen)
        values = found if isinstance(found, dict) else dict.fromkeys(measure.figures, found)
        numbers = {name: _number(float(values[name])) for name in measure.figures}
        texts = {name: "-" if value < 0 else str(measure.shown(value)) for name, value in numbers.items()}
    except Exception as error:  # someone else's function may fail in any way
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        images = counted(len(seen.truth.image_ids), "image")
        raise ValueError(f"metric {measure.name} failed on {images} with {reason}") from error
    return [Figure(name, numbers[name], meaning, texts[name]) for name, meaning in measure.figures.items()]


def _number(value: float) -> float:
    if math.isnan(value):
        return -1.0
    if not (0 <= value < math.inf or value == -1):
        raise ValueError(f"expected a finite number of at least 0, or -1 for nothing to measure, got {value}")
    return value
