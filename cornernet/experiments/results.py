"""The table of a comparison: figures of what is trained, their spread, and what the seeds allow to say of them."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from cornernet import config
from cornernet.experiments import grid
from cornernet.experiments.grid import Plan
from cornernet.training import opening

PAIRS = 15  # differences that are printed
SHOWN = ("AP", "AP50", "AP75", "AP90")


class Row(NamedTuple):
    """One combination in the table."""

    label: dict[str, str]
    seeds: list[int]  # that have a result
    figures: dict[str, list[float]]  # name -> value for every seed
    images_per_s: list[float]  # in training
    minutes: list[float] = []  # of training, without evaluations
    memory: list[float] = []  # most MiB that the training held, on a GPU those of its tensors
    steps: list[int] = []
    searched: str = ""  # overrides that a search has found for it
    matches: list[Path | None] = []  # files for `matches.load`, None where there is none
    runs: list[Path | None] = []  # folders of the trainings, None where they were done elsewhere


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
