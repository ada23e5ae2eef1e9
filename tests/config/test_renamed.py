"""Old names: files from before still predict, evaluate and resume; whoever types an old name is told the new one."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import cornernet
from cornernet import config, detectors
from cornernet.checkpoints import checkpoint
from cornernet.cli.keys import Reader, read
from cornernet.config import renamed
from cornernet.config.describe import described
from cornernet.training import run_folder

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
def test_a_run_from_before_goes_on_to_the_same_weights(kind, tmp_path, one_stream):
    """Its config.yaml holds the old keys and its log the old columns; but for the draws nothing has changed."""
    torch.set_num_threads(1)
    shutil.copy(FILES / f"{kind}_before_rooms.pt", tmp_path / "last.pt")
    shutil.copy(FILES / f"{kind}_before_rooms.yaml", tmp_path / "config.yaml")
    (tmp_path / "log.csv").write_text("step,lr,focal,regr,total\n6,0.001,1,2,3\n")
    overrides = [f"work_dir={tmp_path}", "train.steps=8", "train.resume=auto"]
    cornernet.train(tmp_path / "config.yaml", overrides)
    before, held = (checkpoint.load(path) for path in (FILES / f"{kind}_before_rooms.pt", tmp_path / "last.pt"))
    assert held["step"] == 8
    for name in sorted(EXPECTED[kind]["change"]):
        change = (held["model"][name] - before["model"][name]).double().flatten()
        found = (change * torch.arange(len(change)).cos()).sum().item()
        assert found == pytest.approx(EXPECTED[kind]["change"][name], rel=2e-3, abs=1e-7), name
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


@pytest.mark.parametrize(("old", "new"), renamed.AUGMENT.items())
def test_an_old_key_of_the_augmentation_is_refused_with_the_transform(tiny, tmp_path, old, new):
    said = rf"data\.augment\.{old} is called data\.transforms\.{new} now"
    for override in (f"data.augment.{old}=0", f"data.augment={{{old}: 0}}"):
        with pytest.raises(ValueError, match=said):
            config.load(tiny, [override])
    (tmp_path / "mine.yaml").write_text(f"base: {tiny}\ndata: {{augment: {{{old}: 0}}}}\n")
    with pytest.raises(ValueError, match=f"mine.yaml: {said}"):
        config.load(tmp_path / "mine.yaml")


@pytest.mark.parametrize("word", ["3", "null", "{}", "{flop: 1}"])
def test_a_section_of_old_that_says_nothing_is_refused_with_the_new_one(tiny, word):
    with pytest.raises(ValueError, match=r"data\.transforms is in its place"):
        config.load(tiny, [f"data.augment={word}"])


def test_a_saved_section_of_the_augmentation_becomes_transforms():
    old = {"scales": [0.9], "border": 16, "flip": 0.4, "flip_vertical": 0.1, "colour": 0.3, "lighting": 0.0}
    rest = {"flip": {"p": 0.4, "vertical": 0.1}, "colour": {"strength": 0.3}, "lighting": {"std": 0.0}}
    for crop, frame in ((True, {"crop": {"scales": [0.9], "border": 16}}), (False, {"fit": {}})):
        found = config.from_container({"data": {"name": "shapes", "augment": {"crop": crop, **old}}}).data
        assert renamed.renewed({"data": {"augment": {"crop": crop, **old}}})["data"]["transforms"] == {**frame, **rest}
        assert found.name == "shapes" and {k: v for k, v in found.transforms.items() if k in {**frame, **rest}} == {
            **frame, **rest,
        }  # fmt: skip
    for wrong in ({"flop": 1}, 3, None, [1]):
        with pytest.raises(ValueError, match="data"):
            config.from_container({"data": {"augment": wrong}})


@both
def test_a_run_from_before_has_its_transforms_and_no_others(kind, tmp_path):
    shutil.copy(FILES / f"{kind}_before_rooms.yaml", tmp_path / "config.yaml")
    held = checkpoint.load(FILES / f"{kind}_before_rooms.pt")["config"]
    for settings in (config.load(tmp_path / "config.yaml"), config.from_container(held)):
        assert list(settings.data.transforms) == ["crop", "flip", "colour", "lighting"]
        assert settings.data.transforms["colour"] == {"strength": held["data"]["augment"]["colour"]}


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


def test_a_saved_penalty_of_pairs_is_a_weight_of_the_score():
    found = config.from_container({"test": {"pair_penalty": 2.0, "top_k": 7}}).test
    assert (found.weights.distance, found.weights.corner, found.top_k) == (2.0, 1.0, 7)


PATH = "cornernet.losses.grouping.centripetal"


@pytest.mark.parametrize("name", ["centripetal", PATH, f"{PATH}.centripetal"])
def test_a_saved_centripetal_grouping_is_half_sides_and_a_typed_one_is_told_so(name):
    saved = {"loss": {"grouping": {"name": name, "weight": 0.5, "args": {"beta": 0.2}}, "offset": {"name": "l1"}}}
    loss = config.from_container(saved).loss
    assert (loss.grouping.name, loss.grouping.weight, loss.grouping.args) == ("half_sides", 0.5, {"beta": 0.2})
    assert loss.offset.name == "l1" and saved["loss"]["grouping"]["name"] == name
    typed = config.override(config.Config(), [f"loss.grouping.name={name}", "model.head.tag_dim=2"])
    with pytest.raises(ValueError, match=r"is called half_sides now; .* model\.pairing\.name=centripetal"):
        detectors.build(typed, 3)


def test_a_shift_in_a_log_is_a_grouping_in_files_from_before_alone(tmp_path):
    for head, expected in (("focal,shift,regr", "grouping"), ("heatmap,shift,offset", "shift")):
        (tmp_path / "log.csv").write_text(f"step,{head}\n6,1,2,3\n")
        assert run_folder._read(tmp_path / "log.csv")[0][expected] == "2"
