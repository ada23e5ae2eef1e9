"""Words of other toolkits get an answer: in YAML, behind a command, behind dashes."""

import re
from functools import reduce

import pytest

from cornernet import config
from cornernet.cli import commandline, epochs, keys, predict
from cornernet.cli.commandline import call
from cornernet.cli.console import command
from cornernet.config import brought

KEYS = {
    "conf": "test.draw_score", "imgsz": "data.input_size", "batch": "train.batch_size", "epochs": "train.steps",
    "device": "train.device", "lr0": "train.lr", "lr": "train.lr", "weights": "train.init", "name": "work_dir",
    "data": "data.train.annotations", "model": "model.detector", "project": "work_dir", "resume": "train.resume",
    "iou": "test.nms.iou", "workers": "data.workers", "half": "train.precision", "amp": "train.precision",
    "threshold": "test.draw_score", "img": "data.input_size", "dataset": "data.train.annotations",
    "pretrained": "train.init", "save_txt": "format=yolo", "save_crop": "crops=true",
    "patience": "train.patience",
}  # fmt: skip


@pytest.mark.parametrize("word", brought.WORDS)
def test_a_word_is_answered_wherever_it_stands(word, tmp_path):
    first = ".*; " if word in ("data", "model") else ""  # which are sections, and hold keys
    with pytest.raises(ValueError, match=f"^{word}=1: {first}{word} (is|has|are|does)"):
        config.load("shapes", [f"{word}=1"])
    if not first:
        with pytest.raises(ValueError, match=f"^{word} (is|has|are|does)"):
            keys.read([f"{word}=1"], predict.KEYS)
        with pytest.raises(ValueError, match=rf"{word} (is|has|are|does)"):
            config.load("shapes", [f"train.{word}=1"] if not hasattr(config.Train(), word) else [f"{word}=1"])
    with pytest.raises(ValueError, match=f"expected; {word} (is|has|are|does)"):
        commandline.split(["shapes", f"--{word.replace('_', '-')}", "1"], "usage", 1)
    (tmp_path / "mine.yaml").write_text(f"{word}: 1\n")
    with pytest.raises(ValueError, match=rf"mine\.yaml: {first}{word} (is|has|are|does)"):
        config.load(tmp_path / "mine.yaml")


@pytest.mark.parametrize(("word", "key"), KEYS.items())
def test_the_answer_names_the_key(word, key):
    assert key in brought.answer(word)


def test_a_key_is_proposed_once():
    with pytest.raises(ValueError, match=r"did you mean train\.batch_size or test\.batch_size\?$"):
        config.load("shapes", ["batch_size=2"])


def test_every_key_in_an_answer_is_one():
    named = {
        key for text in brought.WORDS.values() for key in re.findall(r"\b(?:data|model|train|test)\.[\w.]+\w", text)
    }
    assert len(named) > 15
    for key in named:
        reduce(getattr, key.split("."), config.Config())


def test_keys_that_exist_are_not_answered(tmp_path):
    assert config.load("shapes", ["train.device=cpu", "data.workers=0", "train.lr=1", "test.nms.iou=0.3"]).train.lr == 1
    assert config.load("shapes", ["train.resume=auto", "data={root: x}"]).data.root == "x"
    assert brought.answer("train.lrr") == ""


def test_epochs_are_counted_in_steps_of_the_set(shared):
    bccd = [f"data.train.annotations={shared / 'data/bccd/annotations/train.json'}",
            f"data.train.images={shared / 'data/bccd/images'}"]  # fmt: skip
    with pytest.raises(ValueError, match=r"^epochs=50 of 205 images in batches of 8 are train.steps=1282 here$"):
        epochs.check(["custom"], [*bccd, "epochs=50", "train.batch_size=8"])


@pytest.mark.parametrize("word", ["epochs", "train.epochs"])
def test_epochs_of_a_drawn_set(word):
    with pytest.raises(ValueError, match=r"^epochs=2.5 of 100 images in batches of 16 are train.steps=16 here$"):
        epochs.check(["shapes"], [f"{word}=2.5", "data.shapes.train_images=100", "imgsz=640"])


@pytest.mark.parametrize(
    "given", [["custom"], ["shapes", "epochs=many"], ["shapes", "epochs=0"], ["shapes", "epochs=inf"]]
)
def test_where_they_cannot_be_counted_the_formula_is_told(given):
    with pytest.raises(
        ValueError, match=r"^epochs is called train.steps here: epochs x images of the training set / train"
    ):
        epochs.check(given[:1], given[1:] or ["epochs=3"])


def test_checkpoints_and_other_settings_are_left_alone():
    epochs.check(["best.pt"], ["epochs=3"])
    epochs.check(["shapes"], ["train.steps=3"])
    epochs.check([], ["epochs=3"])


def test_the_command_ends_with_2(capsys):
    with pytest.raises(SystemExit) as left:
        call(command("train"), ["shapes", "epochs=1"])
    said = "error: epochs=1 of 4000 images in batches of 16 are train.steps=250 here\n"
    assert left.value.code == 2 and capsys.readouterr().err == said
