"""The table of a comparison: figures of what is trained, their spread, and what the seeds allow to say of them."""

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any, NamedTuple

from cornernet import config
from cornernet.drawing import comparison
from cornernet.experiments import grid, statistics
from cornernet.experiments.grid import Plan
from cornernet.system import writing
from cornernet.training import opening

PAIRS = 15  # differences that are printed
SHOWN = ("AP", "AP50", "AP75", "AP90")


class Row(NamedTuple):
    """One combination in the table."""

    label: dict[str, str]
    seeds: list[int]  # that have a result
    figures: dict[str, list[float]]  # name -> value for every seed
    images_per_s: list[float]  # in training


def finished(folder: Path, steps: int) -> bool:
    """Whether a training came to its end and was scored there."""
    rows = _rows(folder / "eval.csv")
    return (folder / "last.pt").exists() and (folder / "metrics.json").exists() and bool(rows) and (
        int(rows[-1]["step"]) >= steps
    )  # fmt: skip


def score_folder(folder: Path, tested_with: dict[str, Any]) -> Path:
    """Where a score lies: in the training's own folder where it was tested like that, else in one inside."""
    own = asdict(config.load(opening.recorded(folder)).test)
    return folder if own == tested_with else folder / f"scored-{grid.digest(tested_with)}"


def table(found: Plan) -> list[Row]:
    """The rows that have a result, in the order of the lists."""
    rows = []
    for trained in grid.combinations(found.trained):
        for tested in grid.combinations(found.tested):
            results, seeds, speeds = [], [], []
            for seed in found.seeds:
                folder, settings = grid.run_folder(found, trained, seed)
                if not finished(folder, config.load(found.path, settings).train.steps):
                    continue
                file = score_folder(folder, grid.testing(found, trained, tested)) / "metrics.json"
                if file.exists():
                    results.append(json.loads(file.read_text(encoding="utf-8")))
                    seeds.append(seed)
                    speeds += _speed(folder)
            figures = {name: [float(result[name]) for result in results] for name in SHOWN}
            if results:
                rows.append(Row({**trained.label, **tested.label}, seeds, figures, speeds))
    return rows


def _speed(folder: Path) -> list[float]:
    """Median images per second of a training, if it was logged."""
    speeds = [float(row["images_per_s"]) for row in _rows(folder / "log.csv")]
    return [median(speeds)] if speeds else []


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(found: Plan) -> list[Row]:
    """Write the table as Markdown and CSV, and the image -> the rows of the table."""
    rows = table(found)
    writing.write(found.folder / "comparison.md", markdown(rows) + "\n")
    with (
        writing.replacing(found.folder / "comparison.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows(_flat(rows))
    with (
        writing.replacing(found.folder / "differences.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([statistics.Difference._fields, *pairs(rows)])
    curves = {}
    for choice in grid.combinations(found.trained):
        folders = [grid.run_folder(found, choice, seed)[0] for seed in found.seeds]
        curves[" ".join(choice.label.values()) or "run"] = [folder for folder in folders if folder.exists()]
    comparison(curves, found.folder / "comparison.png")
    return rows


def pairs(rows: list[Row]) -> list[statistics.Difference]:
    """Rows -> what the seeds say of the AP of every two of them."""
    return statistics.differences(
        {" ".join(row.label.values()): dict(zip(row.seeds, row.figures["AP"], strict=True)) for row in rows}
    )


def markdown(rows: list[Row]) -> str:
    """Rows -> a table of means, with the standard deviation over the seeds where there are several, and of differences.

    The differences in AP of every two rows; of many rows those with the best one alone, differences.csv has all.
    """
    if not rows:
        return "no training is finished"
    text, found = _table(_figures(rows)), pairs(rows)
    if not found:
        return text
    if max(one.seeds for one in found) < 2:
        return f"{text}\n\nDifferences cannot be told with one seed: two or more show a spread."
    best = " ".join(max(rows, key=lambda row: mean(row.figures["AP"])).label.values())
    shown = found if len(found) <= PAIRS else [one for one in found if best in (one.first, one.second)]
    said = f"Differences in AP, points of 100, paired over the seeds; p corrected for {len(found)} by Holm"
    return f"{text}\n\n{said}{'' if shown == found else f', those with {best} shown'}:\n\n" + _table(
        statistics.table(shown)
    )


def _figures(rows: list[Row]) -> list[list[str]]:
    names = list(rows[0].label)
    lines = [[*names, *SHOWN, "seeds", "images/s"]]
    for row in rows:
        figures = [spread(row.figures[name]) for name in SHOWN]
        speed = f"{median(row.images_per_s):.0f}" if row.images_per_s else "-"
        lines.append([*row.label.values(), *figures, str(len(row.seeds)), speed])
    return lines


def _table(lines: list[list[str]]) -> str:
    """Header and rows -> Markdown."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    padded = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([padded[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *padded[1:]])


def spread(values: list[float]) -> str:
    """Mean, and behind ± the standard deviation of two values or more; - where COCO has nothing to measure with."""
    if min(values) < 0:
        return "-"
    middle = f"{mean(values):.3f}"
    return middle if len(values) == 1 else f"{middle} ± {stdev(values):.3f}"


def _flat(rows: list[Row]) -> Iterator[list[Any]]:
    """Rows -> one line for every seed, for a spreadsheet."""
    if rows:
        yield [*rows[0].label, "seed", *SHOWN]
    for row in rows:
        for i, seed in enumerate(row.seeds):
            yield [*row.label.values(), seed, *(row.figures[name][i] for name in SHOWN)]
