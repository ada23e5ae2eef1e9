"""A table of speeds as a picture: AP over milliseconds an image, and the rows that no other one beats in both."""

import csv
import sys
from pathlib import Path
from typing import Any

from cornernet.cli.commandline import Command, call
from cornernet.drawing import charts

USAGE = """python -m benchmarks.frontier ROWS.csv PICTURE.svg

Draws the rows of a table with the columns name, form, precision, flip, ms and AP; rows without AP are times alone and
become lines. For example
  python -m benchmarks.frontier docs/results/speed.csv docs/images/frontier.svg"""


def main(rows: str, picture: str) -> None:
    """Read the rows and write the picture."""
    with open(rows, encoding="utf-8", newline="") as file:
        Path(picture).write_bytes(charts.themed(drawn(list(csv.DictReader(file)))))


def frontier(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """(ms, AP) -> those to which no other is at least as fast and as good, by time."""
    best: list[tuple[float, float]] = []
    for ms, ap in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or ap > best[-1][1]:
            best.append((ms, ap))
    return best


def labels(rows: list[dict[str, str]]) -> list[tuple[str, tuple[float, float]]]:
    """Rows -> text and its place; those of one name and AP that are within a tenth of each other share one."""
    found: list[tuple[str, tuple[float, float]]] = []
    before = None
    for row in sorted(rows, key=lambda row: (row["name"], row["AP"], float(row["ms"]))):
        text = f"{row['form']} {row['precision']}{', flip' if row['flip'] == 'true' else ''}"
        near = before and (row["name"], row["AP"]) == (before["name"], before["AP"])
        if near and float(row["ms"]) < 1.1 * float(before["ms"]):
            found[-1] = (f"{found[-1][0]}; {text}", found[-1][1])
        else:
            found.append((text, (float(row["ms"]), float(row["AP"]))))
        before = row
    return found


def drawn(rows: list[dict[str, str]]) -> Any:
    """Rows -> figure."""
    figure, (axes,) = charts.canvas(8.6, 5)
    found = [row for row in rows if row["AP"]]
    for name, hue in zip(dict.fromkeys(row["name"] for row in found), range(100), strict=False):
        own = [row for row in found if row["name"] == name]
        axes.scatter([float(row["ms"]) for row in own], [float(row["AP"]) for row in own], s=42, color=charts.hue(hue),
                     edgecolor=charts.INK, linewidth=0.8, label=name, zorder=3)  # fmt: skip
    for text, place in labels(found):
        axes.annotate(text, place, (3, -6), textcoords="offset points", fontsize=7.5, color=charts.INK, rotation=-30,
                      rotation_mode="anchor", va="top")  # fmt: skip
    axes.plot(*zip(*frontier([(float(row["ms"]), float(row["AP"])) for row in found]), strict=True), "--",
              color=charts.QUIET, linewidth=1)  # fmt: skip
    for row in rows:
        if not row["AP"]:
            axes.axvline(float(row["ms"]), color=charts.ORANGE, linewidth=1)
            axes.text(float(row["ms"]), axes.get_ylim()[0], f" {row['name']}", fontsize=7.5, color=charts.INK,
                      rotation=90, va="bottom")  # fmt: skip
    axes.set_xscale("log")
    axes.margins(0.12)
    ticks = [10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 400]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    charts.title(axes, "", "ms an image, one core", "AP")
    charts.legend(axes, *axes.get_legend_handles_labels(), loc="lower right")
    return figure


COMMAND = Command(main, USAGE, paths=2, overrides=False)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
