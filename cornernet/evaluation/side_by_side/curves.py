"""Curves of two runs in one plot: AP and loss over the steps, precision over recall."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cornernet.drawing import Points, charts, columns, comparisons, page
from cornernet.evaluation.evaluated import Evaluated
from cornernet.evaluation.side_by_side.standing import Standing

IOUS = {0: ("0.50", "-"), 5: ("0.75", "--")}  # place in the precision: what it is, and the line


def html(both: Sequence[Standing]) -> str:
    """Two runs -> their plots, those over the steps only where there are several."""
    parts = [page.plot(charts.themed(precision_recall(both)), "Precision over recall of both runs",
                       "Precision over recall, mean over the classes, at IoU 0.50 and, dashed, 0.75.")]  # fmt: skip
    if ap := _courses(both, "eval.csv", "AP"):
        caption = "AP at every evaluation of the training, each on its own validation set."
        parts.append(page.plot(charts.themed(comparisons.courses(ap, "AP")), "AP over the steps", caption))
    same = len({repr(x.member.settings.loss) for x in both}) == 1
    if total := _courses(both, "log.csv", "total"):
        caption = "Loss of the training." if same else (
            "Loss of the training, the sum of its terms. The losses of the two differ, and with them their scales."
        )  # fmt: skip
        parts.append(page.plot(charts.themed(comparisons.courses(total, "loss")), "Loss over the steps", caption))
    return "".join(parts)


def precision_recall(both: Sequence[Standing]) -> Any:
    """Two runs -> figure with a colour each, and a line each for two IoUs."""
    drawn, (axes,) = charts.canvas(9.5, 4.2)
    names, lines = charts.plain([x.member.name for x in both], 40), []
    for standing, name, hue in zip(both, names, comparisons.HUES, strict=False):
        for place, (iou, stroke) in IOUS.items():
            (line,) = axes.plot(RECALLS, mean(standing.precision[place, :, :, 0, -1]), stroke, color=hue, linewidth=1.8)
            lines.append((line, f"{name}, IoU {iou}"))
    charts.title(axes, "", "recall", "precision")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    charts.legend(axes, [x for x, _ in lines], [x for _, x in lines], loc="center left", bbox_to_anchor=(1, 0.5))
    return drawn


RECALLS = np.linspace(0, 1, 101)


def mean(precision: np.ndarray) -> np.ndarray:
    """Precision [R, K] -> mean over the classes that have objects [R]; NaN without one."""
    return np.array([value if (value := Evaluated.mean(row)) >= 0 else np.nan for row in precision])


def _courses(both: Sequence[Standing], file: str, column: str) -> dict[str, list[Points]]:
    """Name -> the points of a column of both, where there are some to join."""
    held = {x.member.name: columns.measured(columns.read(x.member.folder / file).get(column, [])) for x in both}
    return {name: [points] for name, points in held.items() if len(points) > 1}
