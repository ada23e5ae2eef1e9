"""The numbers of a CSV over its steps."""

import csv
import math
from pathlib import Path
from typing import Any

Points = list[tuple[float, float]]  # (step, value)
LARGEST = 1e300  # of a number: a plot computes with the distance of two


def read(path: Path) -> dict[str, Points]:
    """CSV with a step column -> (step, value) points of each other column, without cells that hold no finite number.

    Raises ValueError for a file that is no CSV.
    """
    if not path.is_file():
        return {}
    points: dict[str, Points] = {}
    for row in _rows(path):
        step = _number(row.pop("step", None))
        for name, cell in row.items():
            value = _number(cell)
            if step is not None and value is not None:
                points.setdefault(name, []).append((step, value))
    return points


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not readable as CSV: {error}") from None


def _number(cell: Any) -> float | None:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and abs(number) <= LARGEST else None


def measured(points: Points) -> Points:
    """Leave out the -1 that stands for nothing to measure."""
    return [(step, value) for step, value in points if value >= 0]
