"""Plots: a figure without a display, and the curves of one run and of several."""

import csv
from pathlib import Path
from typing import Any, Literal

from cornernet.system import writing

Points = list[tuple[float, float]]  # (step, value)
VALIDATION = "val_"  # begins the columns of the validation loss


def figure(width: float, height: float, layout: Literal["constrained", "compressed", "tight"] = "constrained") -> Any:
    """New matplotlib figure of so many inches; it needs no display and leaves the caller's pyplot alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(made)
    return made


def curves(folder: str | Path) -> Path:
    """Plot a run's terms, gradients, learning rate, AP and own metrics over its steps -> curves.png in its folder.

    Reads log.csv (step, lr, images_per_s, one column a loss term, perhaps iou) and, if there, gradients.csv (step, one
    column a term) and eval.csv (step, AP, ...). Of that `val_<term>` is drawn beside the term, and a column whose name
    begins neither with AP nor AR gets a panel of its own. Cells may be empty. Raises FileNotFoundError where the folder
    has neither the first nor the last.
    """
    folder = Path(folder)
    log, scores = _columns(folder / "log.csv"), _columns(folder / "eval.csv")
    held = {f"{VALIDATION}{name}": scores.pop(f"{VALIDATION}{name}", []) for name in log}
    both = log | {name: points for name, points in held.items() if points}
    groups = {
        "loss": {name: points for name, points in both.items() if _term(name) not in ("lr", "images_per_s", "iou")},
        "gradient at the features": _columns(folder / "gradients.csv"),
        "mean IoU": {name: points for name, points in both.items() if _term(name) == "iou"},
        "learning rate": {name: points for name, points in log.items() if name == "lr"},
        "AP": {name: kept for name, points in scores.items() if name.startswith("AP") and (kept := _measured(points))},
        **{name: {name: _measured(points)} for name, points in scores.items() if not name.startswith(("AP", "AR"))},
    }
    groups = {title: lines for title, lines in groups.items() if any(lines.values())}
    if not groups:
        raise FileNotFoundError(f"there is neither a log.csv nor an eval.csv with numbers in {folder}")
    _plot(groups, folder / "curves.png")
    return folder / "curves.png"


def comparison(runs: dict[str, list[Path]], path: Path) -> None:
    """Plot the losses and the AP of several trainings, name -> folders of its seeds: a line a name, the mean of them.

    Reads log.csv and eval.csv. One panel for every loss term that all trainings share, one for AP if it was measured
    more than once. Nothing is written where no training has logged anything.
    """
    logs = {name: [_columns(folder / "log.csv") for folder in folders] for name, folders in runs.items()}
    logs = {name: kept for name, held in logs.items() if (kept := [log for log in held if log])}
    if not logs:
        return
    common = set.intersection(*(set(log) for held in logs.values() for log in held)) - {"lr", "images_per_s"}
    order = [name for name in next(iter(logs.values()))[0] if name in common]
    groups = {term: {name: _mean([log[term] for log in held]) for name, held in logs.items()} for term in order}
    scores = {name: [_columns(folder / "eval.csv") for folder in folders] for name, folders in runs.items()}
    points = {name: _mean([_measured(held["AP"]) for held in each if "AP" in held]) for name, each in scores.items()}
    if any(len(line) > 1 for line in points.values()):
        groups["AP"] = {name: line for name, line in points.items() if line}
    titles = {"AP": "AP", "iou": "mean IoU"}
    _plot({titles.get(term, f"loss: {term}"): lines for term, lines in groups.items()}, path)


def _term(column: str) -> str:
    """Loss term that a column is about."""
    return column.removeprefix(VALIDATION)


def _columns(path: Path) -> dict[str, Points]:
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


def _measured(points: Points) -> Points:
    """Leave out the -1 that stands for nothing to measure."""
    return [(step, value) for step, value in points if value >= 0]


def _mean(lines: list[Points]) -> Points:
    """Mean value at every step that any of the lines has."""
    values: dict[float, list[float]] = {}
    for line in lines:
        for step, value in line:
            values.setdefault(step, []).append(value)
    return [(step, sum(held) / len(held)) for step, held in sorted(values.items())]


def _plot(groups: dict[str, dict[str, Points]], path: Path) -> None:
    """One panel a group, one line a column."""
    drawn = figure(9, 3 * len(groups))
    panels = drawn.subplots(len(groups), sharex=True, squeeze=False)[:, 0]
    for axes, (title, lines) in zip(panels, groups.items(), strict=True):
        drawn_in: dict[str, Any] = {}
        for name, points in lines.items():
            thick = _term(name) in ("total", "AP")
            look = {"linewidth": 2.2, "color": "black", "zorder": 3} if thick else {"linewidth": 1.2}
            look |= {"linestyle": "--", "color": drawn_in[_term(name)]} if _term(name) in drawn_in else {}
            marker = "." if len(points) < 30 else None
            (line,) = axes.plot(*zip(*points, strict=True), label=name, marker=marker, **look)
            drawn_in[name] = line.get_color()
        positive = any(value > 0 for points in lines.values() for _, value in points)
        axes.set(ylabel=title, yscale="log" if title.startswith(("loss", "gradient")) and positive else "linear")
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    panels[-1].set_xlabel("step")
    with writing.replacing(path) as temporary:
        drawn.savefig(temporary, dpi=120)
