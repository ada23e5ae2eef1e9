"""Statistics of the annotated objects: how many of each class, how large, how long, how many an image."""

from collections.abc import Sequence

import numpy as np

from cornernet.drawing import charts
from cornernet.evaluation.report.images import Image, objects
from cornernet.system.wording import counted

MOST = 30  # classes with a bar of their own


def per_class(counts: Sequence[int], names: Sequence[str], order: Sequence[int]) -> bytes:
    """Objects of each class -> SVG with a bar for the first of `order` and one for the sum of the others."""
    shown = sorted(order[:MOST])
    labels, values = [names[k] for k in shown], [counts[k] for k in shown]
    if rest := list(order[MOST:]):
        labels.append(f"{counted(len(rest), 'other')}")
        values.append(sum(counts[k] for k in rest))
    figure, (axes,) = charts.canvas(8.5, 1.1 + 0.24 * max(3, len(labels)))
    charts.title(axes, "", "objects", "")
    if not labels:
        charts.nothing(axes, "no classes")
        return charts.themed(figure)
    bars = axes.barh(
        range(len(values)), values, color=[*map(charts.hue, shown), charts.QUIET][: len(values)], height=0.7
    )
    axes.bar_label(bars, [f" {value}" for value in values], fontsize=9, color=charts.INK)
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.set(ylim=(max(3, len(labels)) - 0.4, -0.6), xlim=(0, max(1, *values) * 1.1))
    axes.grid(axis="y", visible=False)
    return charts.themed(figure)


def boxes(images: Sequence[Image]) -> bytes:
    """Sizes and shapes of the boxes, objects an image -> SVG of three histograms."""
    figure, (left, middle, right) = charts.canvas(11, 3.4, 3)
    rows = np.concatenate([np.zeros((0, 4)), *(image.boxes[objects(image)] for image in images)])
    width, height = rows[:, 2:].T
    solid = (width > 0) & (height > 0)
    _spread(left, np.sqrt(width * height)[solid], "Box size", "square root of the area, pixels", (32, 96))
    _spread(middle, (width[solid] / height[solid]), "Aspect ratio", "width / height", (1,))
    charts.title(right, "Objects an image", "objects", "images")
    if images:
        counts = np.array([len(objects(image)) for image in images])
        step = -(-(counts.max() + 1) // 40)
        right.hist(counts, np.arange(0, counts.max() + step + 1, step) - 0.5, color=charts.BLUE, edgecolor="#ffffff")
        right.set_xlim(-0.7, max(4, counts.max()) + 0.7)
        right.xaxis.get_major_locator().set_params(integer=True)
        right.yaxis.get_major_locator().set_params(integer=True)
    else:
        charts.nothing(right, "no images")
    return charts.themed(figure)


def _spread(axes, values: np.ndarray, text: str, quantity: str, marks: Sequence[float]) -> None:
    """Histogram over a logarithmic axis that reads in plain numbers, with marks at some values."""
    charts.title(axes, text, quantity, "objects")
    if not len(values):
        return charts.nothing(axes, "no objects")
    low, high = min(values.min(), marks[0] / 1.5), max(values.max(), marks[-1] * 1.5)
    axes.hist(values, np.geomspace(low * 0.99, high * 1.01, 41), color=charts.BLUE, edgecolor="#ffffff", linewidth=0.5)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}" if value >= 1 else f"1/{1 / value:g}")
    for mark in marks:
        axes.axvline(mark, color=charts.ORANGE, linewidth=1, linestyle="--")
