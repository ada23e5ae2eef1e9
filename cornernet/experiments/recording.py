"""From a finished training to its rows, and the matches beside them."""

import subprocess
from functools import cache
from pathlib import Path

from cornernet import config
from cornernet.evaluation import evaluate_checkpoint
from cornernet.experiments import grid, matches, points, rows, runs
from cornernet.experiments.grid import Plan
from cornernet.experiments.points import Point, Test
from cornernet.experiments.rows import Record
from cornernet.version import __version__

PACKAGE = Path(__file__).resolve().parent.parent


def records(found: Plan, point: Point) -> list[Record]:
    """Score a finished training in every way that is asked for and has not been yet -> its rows.

    The matches of a training of the table are written before, so that a row never lacks them.
    """
    settings = config.load(found.path, point.settings)
    warm = points.WARM if point.kind == "timing" else 0
    used = runs.used(point.folder, settings.train.batch_size, warm)
    fixed = {
        "searched": point.searched, "seed": point.seed, "config": point.digest, "commit": commit(),
        "version": __version__, "steps": runs.evaluated(point.folder), **used,
    }  # fmt: skip
    if point.kind == "timing":
        fixed |= {"minutes": found.minutes, "steps": steps(found, used, settings.train.batch_size)}
        return [rows.record(point.kind, point.label, fixed, {})]
    return [_record(found, point, test, fixed) for test in point.tests]


def steps(found: Plan, used: dict[str, float], batch_size: int) -> int:
    """Steps that fit into the minutes of the budget at the speed of a run that was timed."""
    return max(1, round((found.minutes or 0) * 60 * used["images_per_s"] / batch_size))


def _record(found: Plan, point: Point, test: Test, fixed: dict[str, object]) -> Record:
    scored = runs.score_folder(point.folder, test.settings)
    if not all((scored / name).exists() for name in ("metrics.json", "predictions.json")):  # written one by one
        evaluate_checkpoint(point.folder / "last.pt", [f"test={grid.written(test.settings)}"], scored)
    record = rows.record(point.kind, test.label, {**fixed, "test": test.digest}, runs.figures(scored))
    if point.kind == "point":
        matches.save(runs.matches(point.folder, scored), found.rows.with_suffix("") / rows.file_of(record))
    return record


@cache
def commit() -> str:
    """Short hash of the commit that the package's checkout is at, "" where it is no checkout."""
    if not (PACKAGE.parent / ".git").exists():
        return ""
    command = ["git", "-C", str(PACKAGE.parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git, or a folder that belongs to another user
        return ""
