"""Plots: a figure without a display, and the curves of a run."""

from pathlib import Path
from typing import Any, Literal

from cornernet.drawing import columns
from cornernet.drawing.columns import Points, measured
from cornernet.system import writing

VALIDATION = "val_"  # begins the columns of the validation loss
USED = {"images_per_s", "memory_mib"}  # columns of what a step takes


def figure(width: float, height: float, layout: Literal["constrained", "compressed", "tight"] = "constrained") -> Any:
    """New matplotlib figure of so many inches; it needs no display and leaves the caller's pyplot alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(made)
    return made


def curves(folder: str | Path) -> Path:
    """Plot a run's terms, gradients, learning rate, AP and own metrics over its steps -> curves.png in its folder.

    Reads log.csv (step, lr, those of USED, one column a loss term, perhaps iou) and, if there, gradients.csv (step, one
    column a term) and eval.csv (step, AP, ...). Of that `val_<term>` is drawn beside the term, and a column whose name
    begins neither with AP nor AR gets a panel of its own. Cells may be empty. Raises FileNotFoundError where the folder
    has neither the first nor the last.
    """
    folder = Path(folder)
    log, scores = columns.read(folder / "log.csv"), columns.read(folder / "eval.csv")
    held = {f"{VALIDATION}{name}": scores.pop(f"{VALIDATION}{name}", []) for name in log}
    both = log | {name: points for name, points in held.items() if points}
    groups = {
        "loss": {name: points for name, points in both.items() if _term(name) not in {"lr", "iou", *USED}},
        "gradient at the features": columns.read(folder / "gradients.csv"),
        "mean IoU": {name: points for name, points in both.items() if _term(name) == "iou"},
        "learning rate": {name: points for name, points in log.items() if name == "lr"},
        "AP": {name: kept for name, points in scores.items() if name.startswith("AP") and (kept := measured(points))},
        **{name: {name: measured(points)} for name, points in scores.items() if not name.startswith(("AP", "AR"))},
    }
    groups = {title: lines for title, lines in groups.items() if any(lines.values())}
    if not groups:
        raise FileNotFoundError(f"there is neither a log.csv nor an eval.csv with numbers in {folder}")
    _plot(groups, folder / "curves.png")
    return folder / "curves.png"


def _term(column: str) -> str:
    """Loss term that a column is about."""
    return column.removeprefix(VALIDATION)


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
