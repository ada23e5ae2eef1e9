"""What plots for reports share: the look of a figure, and class names that the font can write."""

import io
import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from cornernet.drawing.boxes import colour
from cornernet.drawing.plots import figure
from cornernet.drawing.text import dejavu, letters_of

INK, QUIET, BLUE, ORANGE, GRID = "#24292f", "#59636e", "#2563a8", "#d9730d", "#e6e8eb"
# the same on dark pages, and the paper as in style.CSS; what stays: white letters, and the cells behind them
DARK = {INK: "#e6edf3", QUIET: "#9aa4ae", BLUE: "#6cb0f5", GRID: "#30363d", "#ffffff": "#0d1117", "#000000": "#e6edf3"}
WHITE, CELL = "#fffffe", "#2a6ab5"
STROKES = ("-", "--", "-.", ":")  # of lines that colour alone would not tell apart
Layout = Literal["constrained", "compressed"]
LONGEST = 22  # letters of a class name in a plot


def canvas(
    width: float, height: float, columns: int = 1, layout: Layout = "constrained", rows: int = 0, share: bool = False
) -> tuple[Any, np.ndarray]:
    """New figure of inches with panels -> (figure, axes [columns], or [rows, columns] where rows are asked for).

    share: one scale for all panels.
    """
    made = figure(width, height, layout)
    made.get_layout_engine().set(wspace=0.04)
    panels = made.subplots(max(1, rows), columns, squeeze=False, sharex=share, sharey=share)
    for axes in panels.flat:
        axes.tick_params(colors=INK, labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(QUIET)
        axes.set_axisbelow(True)
        axes.grid(color=GRID, linewidth=0.8)
    return made, panels if rows else panels[0]


def title(axes: Any, text: str, x: str = "", y: str = "") -> None:
    """Name a panel and its axes."""
    axes.set_title(text, fontsize=11, color=INK, loc="left", parse_math=False)
    axes.set_xlabel(x, fontsize=10, color=INK)
    axes.set_ylabel(y, fontsize=10, color=INK)


def nothing(axes: Any, text: str) -> None:
    """Say in an empty panel why it is empty."""
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=QUIET, fontsize=11)


def legend(axes: Any, handles: Sequence[Any], labels: Sequence[str], **options: Any) -> None:
    """Legend whose texts are shown as they are: class names may hold dollar signs, which would begin a formula."""
    if handles:
        shown = axes.legend(handles, labels, fontsize=9, frameon=False, labelcolor=INK, **options)
        for text in shown.get_texts():
            text.set_parse_math(False)


def png(made: Any) -> bytes:
    """Figure -> PNG file."""
    file = io.BytesIO()
    made.savefig(file, dpi=130, facecolor="white")
    return file.getvalue()


def svg(made: Any) -> bytes:
    """Figure -> SVG file, letters as shapes, the same bytes for the same figure."""
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "cornernet", "svg.fonttype": "path"}):
        made.savefig(file, format="svg", facecolor="white", metadata={"Date": None})
    return file.getvalue()


def themed(made: Any) -> bytes:
    """Figure -> SVG file that is dark where its reader's pages are, and light for programs that know no such thing."""
    rules = "".join(
        f'[style*="{part}: {light}"] {{ {part}: {dark} !important }} '
        for light, dark in DARK.items() for part in ("fill", "stroke")
    )  # fmt: skip
    style = f"<style>@media (prefers-color-scheme: dark) {{ {rules}}}</style></svg>"
    return re.sub(rb"</svg>\s*$", style.encode(), svg(made))


def hue(label: int) -> str:
    """Colour of a class, the one of its boxes, as #rrggbb."""
    return "#" + bytes(reversed(colour(label))).hex()


def outlined(width: float) -> list[Any]:
    """Path effects that give a line of a class's colour, which may be light, an edge."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=width + 1.2, foreground=INK), Normal()]


def plain(names: Sequence[str], longest: int = LONGEST) -> list[str]:
    """Names for plots: in one line, shortened; `no. k` (from 1) where the plots' font lacks a letter."""
    return [_plain(" ".join(name.split()), k, longest) for k, name in enumerate(names, 1)]


def numbered(number: int) -> str:
    """What stands for a class whose name cannot be written."""
    return f"no. {number}"


def _plain(name: str, number: int, longest: int) -> str:
    if not name or any(ord(letter) not in letters_of(dejavu()) for letter in name):
        return numbered(number)
    return name if len(name) <= longest else f"{name[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"


def writable(text: str) -> str:
    """Text with a square in place of every letter that the plots' font lacks."""
    return "".join(letter if ord(letter) in letters_of(dejavu()) else "\N{WHITE SQUARE}" for letter in text)
