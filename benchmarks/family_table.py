"""What the members of the family reached, as the tables of docs/family.md."""

import statistics
import sys
from itertools import groupby
from pathlib import Path

from benchmarks import results
from benchmarks.family import FIGURES, MEMBERS, SETS, TIMED
from cornernet.cli.commandline import Command, call

USAGE = """python -m benchmarks.family_table FILE.csv STEPS.csv

Prints a table in Markdown for each set of FILE.csv, of python -m benchmarks.family: means over the seeds, with their
standard deviation where there are several, and the precisions in which they trained. STEPS.csv, of python -m
benchmarks.family_steps, gives an image's time."""

HEAD = (
    "region stage", "seeds", "precision", "steps", "AP", "AP50", "AP any class", "FDR", "ms an image", "parameters",
)  # fmt: skip


def main(file: str, steps: str) -> None:
    """Print the tables, a line between them."""
    print("\n\n".join(tables(results.read(Path(file)), results.read(Path(steps)))))


def tables(rows: list[dict[str, str]], steps: list[dict[str, str]]) -> list[str]:
    """Rows of runs, of any order, and of times -> a table for each set."""
    times = {_key(row): float(row["ms_per_image"]) for row in steps}
    known = {name: place for names in (SETS, MEMBERS, ("none", "cpn")) for place, name in enumerate(names)}
    runs = groupby(sorted(rows, key=lambda row: [known[name] for name in _key(row)]), _key)
    lines: dict[str, list[str]] = {}
    for key, same in runs:
        lines.setdefault(key[0], []).append(_line(key, list(same), times[key]))
    return ["\n".join((_cells(held, *HEAD), "|---" * (1 + len(HEAD)) + "|", *own)) for held, own in lines.items()]


def _key(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in TIMED)


def _line(key: tuple[str, ...], runs: list[dict[str, str]], ms: float) -> str:
    steps, *others = {run["steps"] for run in runs}
    if others:
        raise ValueError(f"{', '.join(key)}: runs of {steps} and {others[0]} steps are no seeds of one another")
    precision = ", ".join(sorted({run["precision"] for run in runs}))
    figures = [_spread([float(run[name]) for run in runs]) for name in FIGURES]
    size = f"{int(runs[0]['parameters']) / 1e6:.2f} M"
    stage = "`cpn`" if key[2] == "cpn" else ""
    return _cells(key[1], stage, len(runs), precision, steps, *figures, f"{ms:.0f}", size)


def _spread(values: list[float]) -> str:
    mean = f"{statistics.mean(values):.3f}"
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean


def _cells(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


COMMAND = Command(main, USAGE, paths=2, overrides=False)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
