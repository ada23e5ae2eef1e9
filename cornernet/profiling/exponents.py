"""How a cost grows with a quantity: cost = c x value^exponent, a straight line where both axes are logarithmic."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Exponent(NamedTuple):
    """Slope of the least-squares line, and the range of the slopes between neighbouring points; NaN if there is none.

    1 means that twice the value costs twice as much, 0 that it does not matter.
    """

    fitted: float
    low: float
    high: float


def exponent(values: Sequence[float], costs: Sequence[float]) -> Exponent:
    """Values, all different, and what each costs -> Exponent; points that cost nothing, or NaN, are left out.

    Of fewer than two points there is no slope. Raises ValueError for values that are not positive or not different.
    """
    if len(set(values)) < len(values) or min(values, default=1) <= 0:
        raise ValueError(f"an exponent needs positive values that differ, got {list(values)}")
    points = sorted((math.log(value), math.log(cost)) for value, cost in zip(values, costs, strict=True) if cost > 0)
    if len(points) < 2:
        return Exponent(*[math.nan] * 3)
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in pairwise(points)]
    return Exponent(_slope(points), min(slopes), max(slopes))


def _slope(points: Sequence[tuple[float, float]]) -> float:
    x_mean, y_mean = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    across = sum((x - x_mean) * (y - y_mean) for x, y in points)
    return across / sum((x - x_mean) ** 2 for x, _ in points)
