"""The numbers of a CSV over its steps."""

import csv
from pathlib import Path
from typing import Any

Points = list[tuple[float, float]]  # (step, value)


def read(path: Path) -> dict[str, Points]:
    """CSV with a step column -> (step, value) points of each other column, empty and non-numeric cells left out."""
    if not path.is_file():
        return {}
    points: dict[str, Points] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            step = _number(row.pop("step", None))
            for name, cell in row.items():
                value = _number(cell)
                if step is not None and value is not None:
                    points.setdefault(name, []).append((step, value))
    return points


def _number(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def measured(points: Points) -> Points:
    """Leave out the -1 that stands for nothing to measure."""
    return [(step, value) for step, value in points if value >= 0]
