"""What a comparison shows: tables as Markdown, CSV and LaTeX, plots, and a page that opens anywhere.

tables: cells that all of them write; markdown, latex, page: how; images, panels: where two members differ, and a
drawing of it; subject: what there is to show. Called by compare after every training.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cornernet.drawing import charts
from cornernet.experiments import results
from cornernet.experiments.grid import Plan
from cornernet.experiments.outputs import latex, markdown, page, tables
from cornernet.experiments.outputs.subject import Subject, gather
from cornernet.experiments.results import Row
from cornernet.experiments.statistics import Difference
from cornernet.system import writing


def write(found: Plan) -> list[Row]:
    """Write what a comparison shows by now into its folder -> the rows of its table."""
    rows = results.table(found)
    save(gather(found, rows), found.folder)
    return rows


def save(shown: Subject, folder: Path) -> None:
    """Write comparison.md, .csv, .tex and .png, differences.csv, forest.png and .svg and comparison/index.html.

    Where no training is finished only the first and the CSV files; a plot only where there is something to draw.
    """
    rows = shown.rows
    folder.mkdir(parents=True, exist_ok=True)
    writing.write(folder / "comparison.md", markdown.whole(shown.title, shown.budget, rows))
    _csv(folder / "comparison.csv", _flat(rows))
    _csv(folder / "differences.csv", [Difference._fields, *tables.pairs(rows)])
    if not rows:
        return
    writing.write(folder / "comparison.tex", latex.table(shown.title, shown.budget, rows))
    figures = page.plots(shown)
    drawn = {name: charts.png(figure) for name, figure in figures.items()}
    for name, content in drawn.items():
        writing.write(folder / f"{name}.png", content)
    if "forest" in figures:
        writing.write(folder / "forest.svg", charts.svg(figures["forest"]))
    (folder / "comparison").mkdir(exist_ok=True)
    # A name may hold half of a surrogate pair, which no encoding takes.
    writing.write(folder / "comparison" / "index.html", page.document(shown, drawn).encode("utf-8", "replace"))


def _csv(path: Path, lines: Sequence[Any] | Iterator[Any]) -> None:
    with writing.replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)


def _flat(rows: Sequence[Row]) -> Iterator[list[Any]]:
    """Rows -> one line for every seed, for a spreadsheet."""
    keys = list(dict.fromkeys(key for row in rows for key in row.label))
    if rows:
        yield [*keys, "seed", *tables.SHOWN]
    for row in rows:
        for i, seed in enumerate(row.seeds):
            yield [*(row.label.get(key, "") for key in keys), seed, *(tables.of(row, name)[i] for name in tables.SHOWN)]
