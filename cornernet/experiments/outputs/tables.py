"""The tables of a comparison, as cells: what is written, and by what it is sorted."""

import itertools
from collections.abc import Callable, Sequence
from statistics import mean, median, stdev
from typing import NamedTuple

from cornernet.experiments import statistics
from cornernet.experiments.results import NOTHING, Row
from cornernet.experiments.statistics import Difference

SHOWN = ("AP", "AP50", "AP75", "AP90")
SIZES = {"AP_small": "small", "AP_medium": "medium", "AP_large": "large"}
POINTS = 100  # of AP 1
MEMBER = "member"  # head of the first column where rows have no label
CLASS = "AP["  # begins the name of the AP of a class, which stands in the brackets


class Cell(NamedTuple):
    """What is written, and the number by which it is sorted: None for a text."""

    text: str
    value: float | None = None


class Table(NamedTuple):
    """A head and rows."""

    head: list[str]
    rows: list[list[Cell]]


def names(rows: Sequence[Row]) -> list[str]:
    """What each row is called where its label stands in one cell; no two are called the same."""
    held: dict[str, None] = {}
    for plain in (" ".join(row.label.values()) or "run" for row in rows):
        numbered = (f"{plain} ({k})" for k in itertools.count(2))
        held[next(name for name in (plain, *itertools.islice(numbered, len(rows))) if name not in held)] = None
    return list(held)


def pairs(rows: Sequence[Row], figure: str = "AP") -> list[Difference]:
    """Rows -> what the seeds say of a figure of every two of them."""
    held = {
        name: dict(zip(row.seeds, of(row, figure), strict=True)) for name, row in zip(names(rows), rows, strict=True)
    }
    return statistics.differences(held)


def best(rows: Sequence[Row]) -> int:
    """Place of the row with the highest mean AP, of those with the most seeds."""
    most = max(len(row.seeds) for row in rows)
    return max(range(len(rows)), key=lambda i: (len(rows[i].seeds) == most, mean(of(rows[i], "AP"))))


def figures(rows: Sequence[Row]) -> Table:
    """AP of every row at some IoUs, mean and spread over its seeds, and what it cost."""
    costs: dict[str, Callable[[Row], list[Cell]]] = {
        "seeds": lambda row: [Cell(str(len(row.seeds)), len(row.seeds))],
        "steps": lambda row: [_steps(row.steps)],
        "minutes": lambda row: [_middle(row.minutes, ".1f")],
        "images/s": lambda row: [_middle(row.images_per_s, ".0f")],
        "MiB": lambda row: [_middle(row.memory, ".0f")],
    }
    kept = {
        name: cells for name, cells in costs.items() if any(cell.text != "-" for row in rows for cell in cells(row))
    }
    keys = _keys(rows)
    searched = ["searched"] if any(row.searched for row in rows) else []
    return Table(
        [*(keys or [MEMBER]), *searched, *SHOWN, *kept],
        [
            [*_label(row, keys), *(Cell(row.searched or "-") for _ in searched),
             *(spread(of(row, name)) for name in SHOWN), *(cell for cells in kept.values() for cell in cells(row))]
            for row in rows
        ],
    )  # fmt: skip


def sizes(rows: Sequence[Row]) -> Table:
    """AP of every row by the size of the objects."""
    keys = _keys(rows)
    lines = [[*_label(row, keys), *(spread(of(row, size)) for size in SIZES)] for row in rows]
    return Table([*(keys or [MEMBER]), *SIZES.values()], lines)


def classes(rows: Sequence[Row]) -> Table:
    """AP of every class, a line each, under every row, and how far the rows lie apart."""
    found = list(dict.fromkeys(name for row in rows for name in row.figures if name.startswith(CLASS)))
    lines = []
    for name in found:
        cells = [spread(of(row, name)) for row in rows]
        known = [cell.value for cell in cells if cell.value is not None]
        apart = (max(known) - min(known)) * POINTS if len(known) > 1 else None
        lines.append([Cell(name[len(CLASS) : -1]), *cells, Cell("-" if apart is None else f"{apart:.1f}", apart)])
    return Table(["class", *(names(rows)), "apart, points"], lines if len(rows) > 1 else [])


def differences(pairs: Sequence[Difference]) -> Table:
    """A line for every pair: the difference and its interval in points, corrected p, what may be said."""
    return Table(
        ["second - first", "points", "95 % interval", "p (Holm)", "seeds", "what may be said"],
        [
            [
                Cell(f"{one.second} - {one.first}"), Cell(points(one.mean), _known(one.mean)),
                Cell(between(one)), Cell("-" if one.seeds < 2 else f"{one.p:.3f}", _known(one.p)),
                Cell(str(one.seeds), one.seeds), Cell(statistics.sentence(one, POINTS)),
            ]
            for one in pairs
        ],
    )  # fmt: skip


def points(value: float) -> str:
    """Difference in AP -> points with a sign, - for NaN."""
    return f"{value * POINTS:+.1f}" if value == value else "-"


def between(one: Difference) -> str:
    """Interval of a difference in points."""
    return f"{points(one.low)} to {points(one.high)}" if one.seeds > 1 else "-"


def spread(values: Sequence[float]) -> Cell:
    """Mean, and behind ± the standard deviation of two values or more; - where COCO has nothing to measure with."""
    if not values or min(values) < 0:
        return Cell("-")
    middle = mean(values)
    return Cell(f"{middle:.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else ""), middle)


def of(row: Row, name: str) -> Sequence[float]:
    """Figure of every seed, -1 for none."""
    return row.figures.get(name) or [NOTHING] * len(row.seeds)


def _keys(rows: Sequence[Row]) -> list[str]:
    """Columns of the labels: of all rows, since members may be labelled by other keys."""
    return list(dict.fromkeys(key for row in rows for key in row.label))


def _label(row: Row, keys: Sequence[str]) -> list[Cell]:
    return [Cell(row.label.get(key, "")) for key in keys] or [Cell("run")]


def _steps(values: Sequence[int]) -> Cell:
    low, high = (min(values), max(values)) if values else (0, 0)
    return Cell("-" if not values else str(low) if low == high else f"{low} to {high}", low if values else None)


def _middle(values: Sequence[float], form: str) -> Cell:
    known = [value for value in values if value > 0]
    return Cell(f"{median(known):{form}}", median(known)) if known else Cell("-")


def _known(value: float) -> float | None:
    return value if value == value else None
