"""Folders of runs made by hand: settings, detections, and the log of a training that never was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cornernet import config
from cornernet.data import build_source

SMALL = ["data.shapes.val_images=5", "data.shapes.train_images=2"]
Row = dict[str, Any]


def found(row: Row, score: float = 0.9, **more: Any) -> Row:
    """Annotation -> a detection of it."""
    return {"image_id": row["image_id"], "category_id": row["category_id"], "bbox": row["bbox"], "score": score} | more


@pytest.fixture
def run(tmp_path) -> Callable[..., Path]:
    """Function (name, which annotations are found how, overrides) -> the folder of a run on shapes, or another set."""

    def run(name: str, detect: Callable[[int, Row], Row | None] = lambda k, row: found(row), *overrides: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        settings = config.load("shapes", [*SMALL, f"work_dir={folder}", *overrides])
        config.save(settings, folder / "config.yaml")
        rows = build_source(settings.data, "val").coco()["annotations"]
        detections = [each for k, row in enumerate(rows) if (each := detect(k, row))]
        (folder / "predictions.json").write_text(json.dumps(detections))
        (folder / "log.csv").write_text("step,lr,images_per_s,total\n10,1,5,3.5\n20,1,9,2.5\n30,1,7,1.5\n")
        (folder / "eval.csv").write_text("step,AP\n15,0.25\n30,0.5\n")
        return folder

    return run
