"""Rows that benchmarks leave in a CSV file, and what several of their command lines read."""

import csv
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any


def append(file: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Put rows behind those of a file, which is begun with the columns where it is not there; ValueError for others."""
    new = not file.is_file()
    if not new and (held := next(iter(file.read_text(encoding="utf-8").splitlines()), "")) != ",".join(columns):
        raise ValueError(f"{file} has other columns: {held}, where {','.join(columns)} would be added")
    with file.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)


def read(file: Path) -> list[dict[str, str]]:
    """Rows of a file; none where it is not there."""
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def some_of(known: Collection[str], between: str = ",") -> Callable[[str], tuple[str, ...]]:
    """Names that there are -> reader of some of them with that between, which raises ValueError for another."""

    def names(text: str) -> tuple[str, ...]:
        if wrong := [name for name in text.split(between) if name not in known]:
            raise ValueError(f"must be some of {', '.join(known)}, got {wrong[0]}")
        return tuple(text.split(between))

    return names


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between; raises ValueError for others."""
    return tuple(int(one) for one in text.split(","))
