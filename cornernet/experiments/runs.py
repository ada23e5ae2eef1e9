"""What the folder of a finished training says of it."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from cornernet import config
from cornernet.data import build_source, typed_data
from cornernet.evaluation import truth
from cornernet.experiments import grid
from cornernet.experiments.matches import Matches, collect
from cornernet.prediction import from_results
from cornernet.training import opening


def finished(folder: Path, steps: int) -> bool:
    """Whether a training came to its end and was scored there."""
    scored = (folder / "last.pt").exists() and (folder / "metrics.json").exists()
    return scored and evaluated(folder) >= steps


def evaluated(folder: Path) -> int:
    """The step at which a training was last evaluated, 0 before the first time: its end, patience's too."""
    rows = _rows(folder / "eval.csv")
    return int(rows[-1]["step"]) if rows else 0


def score_folder(folder: Path, tested_with: dict[str, Any]) -> Path:
    """Where a score lies: in the training's own folder where it was tested like that, else in one inside."""
    own = asdict(config.load(opening.recorded(folder)).test)
    return folder if own == tested_with else folder / f"scored-{grid.digest(tested_with, 8)}"


def figures(folder: Path) -> dict[str, float]:
    """Numbers of metrics.json by name, and the AP of every class as AP[<class>]."""
    held = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    named = {name: value for name, value in held.items() if isinstance(value, (int, float))}
    return named | {f"AP[{each['name']}]": each["AP"] for each in held["per_class"]}


def used(folder: Path, batch_size: int, warm: int = 0) -> dict[str, float]:
    """Minutes, median images per second and most MiB of a training, by its log from a step on; {} without one."""
    rows = _rows(folder / "log.csv")
    steps = [0, *(int(row["step"]) for row in rows)]
    seconds = sum(
        (b - a) * batch_size / float(row["images_per_s"]) for a, b, row in zip(steps, steps[1:], rows, strict=False)
    )
    speeds = [float(row["images_per_s"]) for row in rows if int(row["step"]) > warm]
    if not speeds:
        return {}
    memory = max(float(row.get("memory_mib") or 0) for row in rows)
    return {"minutes": seconds / 60, "images_per_s": median(speeds), "memory_mib": memory}


def matches(folder: Path, scored: Path) -> Matches:
    """Folder of a training, and where it was scored -> what it found on each of its validation images.

    Raises ValueError and OSError where the data cannot be read.
    """
    settings = config.load(opening.recorded(folder))
    held = json.loads((scored / "metrics.json").read_text(encoding="utf-8"))
    results = json.loads((scored / "predictions.json").read_text(encoding="utf-8"))
    classes = [each["category_id"] for each in held["per_class"]], [each["name"] for each in held["per_class"]]
    source = build_source(settings.data, "val", *classes, quiet=True, typed=typed_data(settings), run=folder)
    known = truth.from_source(source)
    return collect(known, truth.placed(from_results(results), known), held["max_per_image"])


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
