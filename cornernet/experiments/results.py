"""The table of a comparison: a row for each combination, with the figures of its seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cornernet.experiments import points, rows
from cornernet.experiments.grid import Plan
from cornernet.experiments.rows import Record

NOTHING = -1.0  # in place of a figure that one seed has and another lacks


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
