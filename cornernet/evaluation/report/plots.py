"""The plots of a score: precision over recall, confusions, object sizes, scores."""

from collections.abc import Sequence

import numpy as np

from cornernet.drawing import charts
from cornernet.evaluation.metrics import Metrics
from cornernet.system.wording import counted

RECALLS = np.linspace(0, 1, 101)  # at which the COCO evaluation holds precision
LINES = 10  # classes with a curve of their own
SIZES = ("small", "medium", "large")


def precision_recall(precision: np.ndarray, metrics: Metrics, names: Sequence[str], order: Sequence[int]) -> bytes:
    """Precision [T, R, K, A, M] of the COCO evaluation -> SVG: mean over the classes, and the first of `order`."""
    figure, (left, right) = charts.canvas(11, 4.3, 2)
    curves = precision[:, :, :, 0, -1]  # all sizes, as many detections as count
    means = [("0.50", curves[:1], metrics.AP50, charts.BLUE), ("0.75", curves[5:6], metrics.AP75, charts.ORANGE)]
    for text, part, value, colour in [*means, ("0.50:0.95", curves, metrics.AP, charts.INK)]:
        _curve(left, _mean(part), f"IoU {text}, AP {value:.3f}", color=colour, linewidth=2)
    for row, k in enumerate(sorted(order[:LINES])):
        look = {"color": charts.hue(k), "linestyle": charts.STROKES[row % len(charts.STROKES)], "linewidth": 2}
        label = f"{names[k]}, {metrics.per_class[k].AP50:.3f}"
        _curve(right, _mean(curves[:1, :, k : k + 1]), label, path_effects=charts.outlined(2), **look)
    some = f"the {LINES} most frequent of {len(names)} classes" if len(order) > LINES else "each class"
    outside = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
    for axes, text, place in ((left, "Mean over the classes", {"loc": "best"}), (right, f"IoU 0.50, {some}", outside)):
        charts.title(axes, text, "recall", "precision")
        axes.set(xlim=(0, 1.005), ylim=(0, 1.02))
        charts.legend(axes, axes.get_lines(), [line.get_gid() for line in axes.get_lines()], **place)
        if not axes.get_lines():
            charts.nothing(axes, "no objects, so no curve")
    return charts.themed(figure)


def _curve(axes, values: np.ndarray | None, label: str, **look) -> None:
    if values is not None:
        axes.plot(RECALLS, values, gid=label, **look)


def _mean(part: np.ndarray) -> np.ndarray | None:
    """Mean [R] of curves [T, R, K] over thresholds and the classes that have objects; None without one."""
    known = part[:, :, (part > -1).all((0, 1))]
    return known.mean((0, 2)) if known.size else None


def confusion(counts: np.ndarray, names: Sequence[str]) -> bytes:
    """Counts [n + 1, n + 1], names of all but the background -> SVG: shares of each row as colour, counts as text."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = max(4.0, 0.46 * len(counts) + 1.6)
    figure, (axes,) = charts.canvas(side + 0.6, side, layout="compressed")
    ramp = LinearSegmentedColormap.from_list("share", [to_rgba(charts.CELL, 0), to_rgba(charts.CELL, 1)])
    edges = np.arange(len(counts) + 1) - 0.5
    axes.pcolormesh(edges, edges, share, cmap=ramp, vmin=0, vmax=1)
    axes.set(aspect="equal", ylim=(len(counts) - 0.5, -0.5))
    for row, column in zip(*np.nonzero(counts), strict=True):
        text, ink = _short(counts[row, column]), charts.WHITE if share[row, column] > 0.5 else charts.INK
        axes.text(column, row, text, ha="center", va="center", fontsize=8.5, color=ink)
    ticks = np.arange(len(counts))
    axes.set_xticks(ticks, [*names, "missed"], rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(ticks, [*names, "nothing"], parse_math=False)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.axhline(len(counts) - 1.5, color=charts.QUIET, linewidth=1)
    axes.axvline(len(counts) - 1.5, color=charts.QUIET, linewidth=1)
    charts.title(axes, "", "found", "annotated")
    return charts.themed(figure)


def _short(count: int) -> str:
    return str(count) if count < 10_000 else f"{count / 1000:.0f}k"


def sizes(metrics: Metrics, counts: Sequence[int]) -> bytes:
    """AP and AR of small, medium and large objects, with their counts -> SVG."""
    figure, (axes,) = charts.canvas(7.5, 3.4)
    handles = []
    for shift, figure_name, colour in ((-0.2, "AP", charts.BLUE), (0.2, "AR", charts.ORANGE)):
        values = [getattr(metrics, f"{figure_name}_{size}") for size in SIZES]
        handles.append(axes.bar(np.arange(3) + shift, np.maximum(values, 0), 0.38, color=colour))
        for x, value in enumerate(values):
            text = "none" if value < 0 else f"{value:.3f}"
            axes.text(x + shift, max(value, 0) + 0.015, text, ha="center", fontsize=9, color=charts.INK)
    axes.set_xticks(
        range(3), [f"{size}\n{counted(count, 'object')}" for size, count in zip(SIZES, counts, strict=True)]
    )
    axes.set_ylim(0, 1.08)
    axes.grid(axis="x", visible=False)
    charts.title(axes, "", "", "AP, AR at IoU 0.50:0.95")
    recall = f"AR, {counted(metrics.max_per_image, 'detection')}"
    charts.legend(axes, handles, ["AP", recall], loc="center left", bbox_to_anchor=(1, 0.5))
    return charts.themed(figure)


def scores(values: np.ndarray, right: np.ndarray, objects: int, draw_score: float) -> bytes:
    """Scores [D] in [0, 1], descending, whether each is right [D], number of objects -> SVG.

    On the left how many there are of every score, on the right what remains from a score on.
    """
    figure, (left, other) = charts.canvas(11, 3.8, 2)
    charts.title(left, "Detections by score", "score", "detections")
    charts.title(other, "Keeping the detections from a score on", "score", "")
    if len(values):
        edges = np.linspace(0, 1, 41)
        for part, label, colour in ((values[right], "right", charts.BLUE), (values[~right], "wrong", charts.ORANGE)):
            left.hist(part, edges, histtype="stepfilled", color=colour, alpha=0.25)
            left.hist(part, edges, histtype="step", color=colour, linewidth=1.6, gid=label)
        left.set(yscale="log", ylim=(0.7, None))
        named = [patch for patch in left.patches if patch.get_gid()]
        charts.legend(left, named, [patch.get_gid() for patch in named], loc="upper right")
    if len(values) and objects:
        for (label, line), colour in zip(
            kept(values, right, objects).items(), (charts.BLUE, charts.ORANGE, charts.INK), strict=True
        ):
            other.plot(RECALLS, line, color=colour, linewidth=2 if label == "F1" else 1.3, gid=label)
        lines = other.get_lines()
        charts.legend(other, lines, [line.get_gid() for line in lines], loc="center left", bbox_to_anchor=(1, 0.5))
    for axes, why in ((left, len(values)), (other, len(values) and objects)):
        if not why:
            charts.nothing(axes, "no detections" if not len(values) else "no objects")
            continue
        axes.set_xlim(0, 1)
        axes.axvline(draw_score, color=charts.QUIET, linewidth=1, linestyle="--")
    other.set_ylim(0, 1.02)
    return charts.themed(figure)


def kept(values: np.ndarray, right: np.ndarray, objects: int) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of the detections from each score of RECALLS on, [101]; precision 1 where none is left.

    values [D] descending, right [D] bool, objects > 0.
    """
    number = np.searchsorted(-values, -RECALLS, side="right")
    found = np.concatenate([[0], np.cumsum(right)])[number]
    precision = np.where(number > 0, found / np.maximum(number, 1), 1.0)
    return {"precision": precision, "recall": found / objects, "F1": 2 * found / (number + objects)}
