"""Plots of members that are compared: differences with their intervals, courses over the steps, gradients of terms."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cornernet.drawing import charts
from cornernet.drawing.columns import Points

# Okabe and Ito, Color universal design, 2008: told apart by the colour-blind as well; without yellow, faint on white.
HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STROKES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX"
GREY = "#c6cbd1"
COLUMNS = 3  # of small panels
FAR = 4.0  # times what is usual, beyond which an interval is cut
ARROWS = {-1: "<", 1: ">"}


class Line(NamedTuple):
    """A difference in a forest plot, in the unit of its axis."""

    name: str
    mean: float
    low: float  # of the interval; NaN for none
    high: float
    told: bool  # apart from 0
    text: str  # beside it


def forest(lines: Sequence[Line], heading: str, axis: str) -> Any:
    """Differences -> figure: a line each with its interval, filled where it is told from 0, hollow where it is not.

    An interval that is far longer than the others ends in an arrow at the edge.
    """
    drawn, (axes,) = charts.canvas(9, 1.3 + 0.34 * max(2, len(lines)))
    charts.title(axes, charts.writable(heading), axis)
    reach = _reach(lines)
    axes.axvline(0, color=charts.QUIET, linewidth=1)
    for y, line in enumerate(lines):
        _interval(axes, y, line, reach)
    axes.set_yticks(range(len(lines)), charts.plain([line.name for line in lines], 44), parse_math=False)
    ends = np.clip([x for line in lines for x in (line.mean, line.low, line.high) if x == x] + [0.0], -reach, reach)
    pad = 0.06 * max(np.ptp(ends), reach)
    axes.set(ylim=(max(2, len(lines)) - 0.4, -0.6), xlim=(ends.min() - pad, ends.max() + pad))
    axes.grid(axis="y", visible=False)
    beside = axes.secondary_yaxis("right")
    beside.set_yticks(range(len(lines)), [line.text for line in lines])
    beside.tick_params(length=0, labelsize=9, colors=charts.INK)
    beside.spines["right"].set_visible(False)
    return drawn


def _reach(lines: Sequence[Line]) -> float:
    """How far the axis goes to either side at most."""
    ends = [max(abs(line.low), abs(line.high)) for line in lines if not math.isnan(line.low)]
    means = [abs(line.mean) for line in lines if not math.isnan(line.mean)]
    usual = FAR * max([*means, float(np.median(ends)) / 2 if ends else 0])
    return min(max([*ends, *means], default=0), usual) or 1.0


def _interval(axes: Any, y: int, line: Line, reach: float) -> None:
    hue = (HUES[0] if line.mean > 0 else HUES[1]) if line.told else charts.INK
    if not math.isnan(line.low):
        ends = np.clip([line.low, line.high], -reach, reach)
        axes.plot(ends, [y, y], color=hue, linewidth=2, solid_capstyle="butt")
        for side, end in ((-1, line.low), (1, line.high)):
            if abs(end) > reach and end * side > 0:
                axes.plot(side * reach, y, ARROWS[side], color=hue, markersize=7)
    if not math.isnan(line.mean):
        axes.plot(line.mean, y, "o", color=hue, markerfacecolor=hue if line.told else "white", markersize=7)


def courses(members: Mapping[str, Sequence[Points]], quantity: str) -> Any:
    """Name -> (step, value) of each of its seeds -> figure: the mean, and shaded from the lowest seed to the highest.

    Up to seven members share a panel; of more each has its own, the others grey behind it.
    """
    spreads = {name: spread(seeds) for name, seeds in members.items()}
    names = charts.plain(list(members), 40)
    if len(members) > len(HUES):
        return _apart(dict(zip(names, spreads.values(), strict=True)), quantity)
    drawn, (axes,) = charts.canvas(9.5, 4.2)
    for k, (steps, low, mean, high) in enumerate(spreads.values()):
        look = {"color": HUES[k], "linestyle": STROKES[k % len(STROKES)], "marker": MARKERS[k], "markersize": 4.5}
        axes.plot(steps, mean, linewidth=1.8, **look)
        axes.fill_between(steps, low, high, color=HUES[k], alpha=0.18, linewidth=0)
    charts.title(axes, "", "step", quantity)
    charts.legend(axes, axes.get_lines(), names, loc="center left", bbox_to_anchor=(1, 0.5))
    return drawn


def _apart(spreads: Mapping[str, tuple[np.ndarray, ...]], quantity: str) -> Any:
    drawn, panels = _panels(len(spreads), quantity)
    for axes, (name, (steps, low, mean, high)) in zip(panels, spreads.items(), strict=True):
        for others, _, line, _ in spreads.values():
            axes.plot(others, line, color=GREY, linewidth=0.8)
        axes.fill_between(steps, low, high, color=HUES[0], alpha=0.25, linewidth=0)
        axes.plot(steps, mean, color=HUES[0], linewidth=2)
        axes.set_title(name, fontsize=9.5, color=charts.INK, loc="left", parse_math=False)
    return drawn


def gradients(members: Mapping[str, Mapping[str, Points]], quantity: str) -> Any:
    """Name -> term -> (step, norm) -> figure: a panel a member with a line a term, the same in all, logarithmic."""
    terms = list(dict.fromkeys(term for held in members.values() for term in held))
    drawn, panels = _panels(len(members), quantity)
    lines: dict[str, Any] = {}
    for axes, title, held in zip(panels, charts.plain(list(members), 40), members.values(), strict=True):
        for term, points in held.items():
            k = terms.index(term)
            look = {"color": HUES[k % len(HUES)], "linestyle": STROKES[k // len(HUES) % len(STROKES)]}
            (lines[term],) = axes.plot(*zip(*points, strict=True), linewidth=1.5, **look)
        if any(value > 0 for points in held.values() for _, value in points):
            axes.set_yscale("log")
        axes.set_title(title, fontsize=9.5, color=charts.INK, loc="left", parse_math=False)
    charts.legend(drawn, [lines[x] for x in terms], terms, loc="outside upper center", ncols=min(6, len(terms)))
    return drawn


def _panels(count: int, quantity: str) -> tuple[Any, list[Any]]:
    """Figure with so many small panels of one scale."""
    rows, columns = -(-count // COLUMNS), min(count, COLUMNS)
    drawn, axes = charts.canvas(3.4 * columns + 0.6, 2.3 * rows + 0.7, columns, rows=rows, share=True)
    for empty in axes.flat[count:]:
        empty.set_axis_off()
    drawn.supxlabel("step", fontsize=10, color=charts.INK)
    drawn.supylabel(quantity, fontsize=10, color=charts.INK)
    return drawn, list(axes.flat[:count])


def spread(seeds: Sequence[Points]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(step, value) of each seed -> the steps that all have, and lowest, mean and highest value there."""
    values = [dict(points) for points in seeds]
    steps = sorted(set.intersection(*map(set, values))) if values else []
    table = np.array([[held[step] for step in steps] for held in values]).reshape(len(values), len(steps))
    if not steps:
        return (np.zeros(0),) * 4
    return np.array(steps), table.min(0), table.mean(0), table.max(0)
