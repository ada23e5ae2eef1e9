"""A comparison as Markdown: for the terminal the figures and differences, for the file all tables."""

import re
from collections.abc import Sequence

from cornernet.experiments.outputs import tables
from cornernet.experiments.outputs.tables import Table
from cornernet.experiments.results import Row
from cornernet.system.printing import printable

PAIRS = 15  # differences that are printed
UNIT = "AP from 0 to 1, mean ± standard deviation over the seeds, each of which is one training"
ONE = "Differences cannot be told with one seed: two or more show a spread."


def brief(rows: Sequence[Row]) -> str:
    """Rows -> a table of means, with the standard deviation over the seeds where there are several, and of differences.

    The differences in AP of every two rows; of many rows those with the best one alone, differences.csv has all.
    """
    if not rows:
        return "no training is finished"
    text, found = table(tables.figures(rows)), tables.pairs(rows)
    if not found:
        return text
    if max(one.seeds for one in found) < 2:
        return f"{text}\n\n{ONE}"
    best = tables.names(rows)[tables.best(rows)]
    shown = found if len(found) <= PAIRS else [one for one in found if best in (one.first, one.second)]
    said = f"Differences in AP, points of 100, paired over the seeds; p corrected for {len(found)} by Holm"
    return f"{text}\n\n{said}{'' if shown == found else f', those with {best} shown'}:\n\n" + table(
        tables.differences(shown)
    )


def whole(title: str, budget: str, rows: Sequence[Row]) -> str:
    """Title, the sentence of what each member was given, rows -> the text of the file."""
    parts = [f"# {escaped(title)}", f"{escaped(budget)} {UNIT}.", brief(rows)]
    for name, found in (("By size of the objects", tables.sizes(rows)), ("By class", tables.classes(rows))):
        if any(cell.value is not None for line in found.rows for cell in line):
            parts += [f"## {name}", table(found)]
    return "\n\n".join(parts) + "\n"


def table(found: Table) -> str:
    """Table -> Markdown."""
    lines = [[escaped(text) for text in found.head], *([escaped(cell.text) for cell in row] for row in found.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    padded = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([padded[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *padded[1:]])


def escaped(text: str) -> str:
    """Text in one line that ends no cell and begins no HTML, link, image, code or emphasis."""
    return re.sub(r"[\\|<\[*`]", r"\\\g<0>", printable(text))
