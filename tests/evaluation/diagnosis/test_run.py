"""From a checkpoint to a folder: what is written, for every detector."""

import csv
import json

import cv2
import pytest

from cornernet import config
from cornernet.evaluation.diagnosis.run import COLUMNS, diagnose_checkpoint
from cornernet.training import engine


@pytest.fixture(scope="module")
def checkpoint(any_tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    engine.train(config.load(any_tiny, [f"work_dir={folder}", "train.steps=2"]))
    return folder / "best.pt"


def test_everything_is_written_and_says_the_same(checkpoint, tmp_path):
    (tmp_path / "worst-07.png").touch()  # of an earlier diagnosis
    (tmp_path / "worst-case.png").touch()  # somebody's own
    found, folder = diagnose_checkpoint(checkpoint, ["test.draw_score=0.9"], images=1, out=tmp_path)
    held = json.loads((tmp_path / "diagnosis.json").read_text())
    with (tmp_path / "missed.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and len(rows) == held["missed"] == held["objects"]
    assert {row["reason"] for row in rows} == set(held["reasons"])
    assert folder == tmp_path and len(found.worst) == 1 and len(found.outcomes) == held["objects"]
    assert {path.name for path in tmp_path.glob("*.png")} == {"worst-01.png", "worst-case.png"}
    assert cv2.imread(str(tmp_path / "worst-01.png")) is not None
    assert held["scores"][0]["true"] == [] and held["setting"] == {"scale": 1.0, "longest_side": None, "flip": False}


def test_the_folder_lies_by_the_checkpoint_and_images_may_be_none(checkpoint):
    _, folder = diagnose_checkpoint(checkpoint, images=0)
    assert {path.name for path in folder.iterdir()} == {"diagnosis.json", "missed.csv"}
    assert folder == checkpoint.parent / "diagnosis"
