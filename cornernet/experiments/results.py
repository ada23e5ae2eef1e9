"""The table of a comparison: figures of what is trained, their spread, and what the seeds allow to say of them."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any, NamedTuple

from cornernet.drawing import comparison
from cornernet.experiments import points, rows, statistics
from cornernet.experiments.grid import Plan
from cornernet.experiments.rows import Record
from cornernet.system import writing

PAIRS = 15  # differences that are printed
NOTHING = -1.0  # in place of a figure that one seed has and another lacks
SHOWN = ("AP", "AP50", "AP75", "AP90")


class Row(NamedTuple):
    """One combination in the table; every list has an entry for each of its seeds."""

    label: dict[str, str]
    seeds: list[int]  # that have a result
    figures: dict[str, list[float]]  # name -> value for every seed, -1 for none: of metrics.json, AP[<class>]
    images_per_s: list[float]  # in training
    minutes: Sequence[float] = ()  # of training, without evaluations
    memory: Sequence[float] = ()  # most MiB that the training held, on a GPU those of its tensors
    steps: Sequence[int] = ()
    searched: str = ""  # overrides that a search has found for it
    matches: Sequence[Path | None] = ()  # files for `matches.load`, None where there is none
    runs: Sequence[Path | None] = ()  # folders of the trainings, None where they were done elsewhere


def table(found: Plan) -> list[Row]:
    """The rows that have a result, in the order of the plan."""
    there = points.held(found)
    wanted: dict[tuple[str, ...], list[tuple[Record, Path | None]]] = {}
    names: dict[tuple[str, ...], dict[str, str]] = {}
    for point in points.points(found, there):
        for test, key in zip(point.tests, point.keys(), strict=True):
            place = tuple(test.label.values())
            names[place] = test.label
            if key in there:
                wanted.setdefault(place, []).append((there[key], point.folder))
    return [_row(label, wanted[place], found.rows) for place, label in names.items() if place in wanted]


def read(path: Path) -> list[Row]:
    """The rows of the table that a file of rows alone holds: one for every label and config, in the file's order."""
    groups: dict[tuple[Any, ...], list[tuple[Record, Path | None]]] = {}
    for record in rows.read(path):
        if record["kind"] == "point":
            place = (*rows.labels(record).items(), record["config"], record["test"])
            groups.setdefault(place, []).append((record, None))
    return [_row(rows.labels(held[0][0]), held, path) for held in groups.values()]


def _row(label: dict[str, str], held: list[tuple[Record, Path | None]], path: Path) -> Row:
    """Records of one combination, and where each was trained, if that was here -> Row."""
    records, folders = [record for record, _ in held], [folder for _, folder in held]
    each = [rows.figures(record) for record in records]
    images_per_s, minutes, memory = (
        [float(record[name] or NOTHING) for record in records] for name in ("images_per_s", "minutes", "memory_mib")
    )
    files = [path.with_suffix("") / rows.file_of(record) for record in records]
    return Row(
        label,
        [int(record["seed"]) for record in records],
        {name: [x.get(name, NOTHING) for x in each] for name in dict.fromkeys(name for x in each for name in x)},
        images_per_s,
        minutes,
        memory,
        [int(record["steps"]) for record in records],
        records[0]["searched"],
        [file if file.is_file() else None for file in files],
        [folder if folder and (folder / "log.csv").is_file() else None for folder in folders],
    )


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
    curves = {tuple(folder for folder in row.runs if folder): _name(row) or "run" for row in reversed(rows)}
    comparison({name: list(folders) for folders, name in reversed(curves.items())}, found.folder / "comparison.png")
    return rows


def _name(row: Row) -> str:
    return " ".join(row.label.values())


def pairs(rows: list[Row]) -> list[statistics.Difference]:
    """Rows -> what the seeds say of the AP of every two of them."""
    return statistics.differences({_name(row): dict(zip(row.seeds, row.figures["AP"], strict=True)) for row in rows})


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
    best = _name(max(rows, key=lambda row: mean(row.figures["AP"])))
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
        speed = f"{median(row.images_per_s):.0f}" if row.images_per_s and min(row.images_per_s) > 0 else "-"
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
