"""Old names: files from before still predict, evaluate and resume; whoever types an old name is told the new one."""

import csv
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import cornernet
from cornernet import config
from cornernet.checkpoints import checkpoint
from cornernet.cli.keys import Reader, read
from cornernet.config import renamed
from cornernet.config.describe import described

FILES = Path(__file__).resolve().parents[1] / "files"  # of shapes, 6 steps; made by the version before the rooms
EXPECTED = json.loads((FILES / "before_rooms.json").read_text())
both = pytest.mark.parametrize("kind", ["corner", "anchor"])


@both
def test_a_checkpoint_from_before_predicts_the_same_boxes(kind):
    path, image = FILES / f"{kind}_before_rooms.pt", np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    predictor = cornernet.Predictor.load(path, "cpu", ["test.nms.min_score=0", "test.ae_threshold=99"])
    found = predictor(image)[0][:5]
    assert predictor.settings.train.max_nonfinite_steps == 3
    for name in ("boxes", "scores", "labels"):
        expected = torch.tensor(EXPECTED[kind][name])
        torch.testing.assert_close(getattr(found, name), expected, rtol=1e-5, atol=1e-5)


@both
def test_a_run_from_before_goes_on_to_the_same_weights(kind, tmp_path):
    """Its config.yaml holds the old keys and its log the old columns."""
    torch.set_num_threads(1)
    shutil.copy(FILES / f"{kind}_before_rooms.pt", tmp_path / "last.pt")
    shutil.copy(FILES / f"{kind}_before_rooms.yaml", tmp_path / "config.yaml")
    (tmp_path / "log.csv").write_text("step,lr,focal,regr,total\n6,0.001,1,2,3\n")
    overrides = [f"work_dir={tmp_path}", "train.steps=8", "train.resume=auto"]
    cornernet.train(tmp_path / "config.yaml", overrides)
    held, digest = checkpoint.load(tmp_path / "last.pt"), hashlib.sha256()
    for _, value in sorted(held["model"].items()):
        digest.update(value.numpy().tobytes())
    assert held["step"] == 8 and digest.hexdigest() == EXPECTED[kind]["step_8"]
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["6", "7", "8"] and rows[0]["heatmap"] == "1" and "focal" not in rows[0]


def test_a_checkpoint_from_before_is_evaluated(tmp_path):
    assert cornernet.evaluate(FILES / "anchor_before_rooms.pt", out=tmp_path).images == 2


@pytest.mark.parametrize(("old", "new"), renamed.KEYS.items())
def test_an_old_key_that_is_typed_is_refused_with_the_new_one(tiny, tmp_path, old, new):
    with pytest.raises(ValueError, match=f"{old} is called {new} now"):
        config.load(tiny, [f"{old}=1"])
    section, _, name = old.rpartition(".")
    (tmp_path / "mine.yaml").write_text(f"base: {tiny}\n{section}: {{{name}: 1}}\n")
    with pytest.raises(ValueError, match=f"{old} is called {new} now"):
        config.load(tmp_path / "mine.yaml")


def test_an_old_key_of_a_command_is_refused_with_the_new_one():
    with pytest.raises(ValueError, match="unknown key pictures: it is called images now"):
        read(["pictures=3"], {"images": Reader(int)})


def test_new_names_are_keys_and_old_ones_are_not():
    keys = {key.name for key in described()}
    assert set(renamed.KEYS.values()) <= keys and not set(renamed.KEYS) & keys


def test_what_is_renewed_stays_as_it_is():
    values = {"train": {"max_bad_steps": 3, "lr": 1.0}}
    assert renamed.renewed(values) == {"train": {"max_nonfinite_steps": 3, "lr": 1.0}}
    assert values == {"train": {"max_bad_steps": 3, "lr": 1.0}}
