"""Plots: a figure without a display, and the curves of a run."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Literal

from cornernet.drawing import columns
from cornernet.drawing.colours import SAFE
from cornernet.drawing.columns import Points, measured
from cornernet.system import writing

VALIDATION = "val_"  # begins the columns of the validation loss
USED = {"images_per_s", "memory_mib"}  # columns of what a step takes
DASHES = {"o": "-", "s": (0, (1, 1)), "^": (0, (4, 1, 1, 1))}  # by marker, where there are more lines than colours
FEW = 30  # points, up to which each has a marker
AXES = {  # panel -> what its axis says
    "loss": "loss, terms unweighted",
    "gradient at the features": "norm of the gradient",
    "AP": "AP, from 0 to 1",
}
Groups = dict[str, dict[str, Points]]  # panel -> column -> its points


def figure(width: float, height: float, layout: Literal["constrained", "compressed", "tight"] = "constrained") -> Any:
    """New matplotlib figure of so many inches; it needs no display and leaves the caller's pyplot alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(made)
    return made


def curves(folder: str | Path, title: str = "", note: str = "") -> Path:
    """Plot a run's terms, gradients, learning rate, AP and own metrics over its steps -> curves.png in its folder.

    Reads log.csv (step, lr, those of USED, one column a loss term, perhaps iou) and, if there, gradients.csv (step, one
    column a term) and eval.csv (step, AP, ...). Of that `val_<term>` is drawn beside the term, and a column whose name
    begins neither with AP nor AR gets a panel of its own. Cells may be empty. title: above all, the folder's name
    unless it is given; note: in the panel of the AP. Raises FileNotFoundError where the folder has neither the first
    nor the last.
    """
    folder = Path(folder)
    groups = {name: lines for name, lines in _groups(folder).items() if any(lines.values())}
    if not groups:
        raise FileNotFoundError(f"there is neither a log.csv nor an eval.csv with numbers in {folder}")
    _plot(groups, title or folder.name, note, folder / "curves.png")
    return folder / "curves.png"


def _groups(folder: Path) -> Groups:
    log, scores = columns.read(folder / "log.csv"), columns.read(folder / "eval.csv")
    held = {f"{VALIDATION}{name}": scores.pop(f"{VALIDATION}{name}", []) for name in log}
    both = log | {name: points for name, points in held.items() if points}
    return {
        "loss": {name: points for name, points in both.items() if _term(name) not in {"lr", "iou", *USED}},
        "gradient at the features": columns.read(folder / "gradients.csv"),
        "mean IoU": {name: points for name, points in both.items() if _term(name) == "iou"},
        "learning rate": {name: points for name, points in log.items() if name == "lr"},
        "AP": {name: kept for name, points in scores.items() if name.startswith("AP") and (kept := measured(points))},
        **{name: {name: measured(points)} for name, points in scores.items() if not name.startswith(("AP", "AR"))},
    }


def _term(column: str) -> str:
    """Loss term that a column is about."""
    return column.removeprefix(VALIDATION)


def _plot(groups: Groups, title: str, note: str, path: Path) -> None:
    """One panel a group, one line a column."""
    drawn = figure(9.5, 2.6 * len(groups) + 0.6)
    panels = drawn.subplots(len(groups), sharex=True, squeeze=False)[:, 0]
    for axes, (name, lines) in zip(panels, groups.items(), strict=True):
        _panel(axes, lines)
        validated = any(column.startswith(VALIDATION) for column in lines)
        text = f"{name} (dashed, diamonds: on validation images)" if validated else name
        axes.set_title(text, loc="left", fontsize="medium", parse_math=False)
        axes.set_ylabel(AXES.get(name, name), fontsize="small", parse_math=False)
        _scale(axes, name, [value for points in lines.values() for _, value in points])
        if name == "AP":
            axes.set_title(note, loc="right", fontsize="small", parse_math=False)
    panels[-1].set_xlabel("step")
    panels[-1].set_xlim(0, 1.02 * max(points[-1][0] for lines in groups.values() for points in lines.values()) or 1)
    drawn.suptitle(title, fontsize="medium", x=0.01, ha="left", parse_math=False)
    with writing.replacing(path) as temporary:
        drawn.savefig(temporary, dpi=120)


def _panel(axes: Any, lines: dict[str, Points]) -> None:
    """A line of every column, a validated one dashed in the colour of its term; the last values in the legend."""
    looks = _looks()
    drawn: dict[str, Any] = {}
    for name, points in lines.items():
        if (term := _term(name)) in drawn:  # its column came before
            line = drawn[term]
            axes.plot(
                *zip(*points, strict=True), color=line.get_color(), linewidth=line.get_linewidth(), linestyle="--",
                marker="D", markersize=4,
            )  # fmt: skip
            line.set_label(f"{line.get_label()}, val {points[-1][1]:.3g}")
            continue
        thick = term in ("total", "AP")
        look = (
            {"linewidth": 2.2, "color": "black", "zorder": 3, "marker": "o"}
            if thick
            else {"linewidth": 1.2, **next(looks)}
        )
        look |= {"markersize": 7 if len(points) == 1 else 4} | ({} if len(points) < FEW else {"marker": None})
        label = f"{name} {points[-1][1]:.3g}"
        (drawn[name],) = axes.plot(*zip(*points, strict=True), label=label, **look)
    axes.grid(alpha=0.3)
    shown = axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    for text in shown.get_texts():
        text.set_parse_math(False)


def _looks() -> Iterator[dict[str, Any]]:
    """Colour, dash and marker of one line after the other; yellow is faint on white."""
    while True:
        for (marker, dash), rgb in product(DASHES.items(), (rgb for rgb in SAFE if min(rgb[:2]) < 200)):
            yield {"marker": marker, "linestyle": dash, "color": tuple(part / 255 for part in rgb)}


def _scale(axes: Any, name: str, values: list[float]) -> None:
    """Powers for losses and gradients, in plain numbers; shares from 0 on."""
    if name.startswith(("loss", "gradient")) and any(value > 0 for value in values):
        from matplotlib.ticker import LogLocator, NullLocator

        axes.set_yscale("log")
        wide = max(values) > 1000 * min(value for value in values if value > 0)
        axes.yaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    elif name == "AP" or (all(0 <= value <= 1 for value in values) and name != "learning rate"):
        axes.set_ylim(0, max(1.1 * max(values), 0.02) if name == "AP" else 1.02)
