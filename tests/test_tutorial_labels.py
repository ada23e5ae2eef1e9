"""The tutorial from labelled photographs to a detector: its commands are typed in their order on a small set."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from cornernet.cli.commandline import call
from cornernet.cli.console import command

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tutorial_labels.md"
CLONED = "git clone --depth 1 https://github.com/Shenggan/BCCD_Dataset"
TINY = [  # in place of a recipe, behind what the page says
    "data.input_size=[64,64]", "data.longest_side=64", "data.transforms.crop.border=16", "data.workers=0",
    "train.steps=2",
    "train.batch_size=2", "train.device=cpu", "train.precision=fp32", "model.backbone.channels=[8,8]",
    "model.backbone.blocks=[1,1]", "model.backbone.stem_channels=8", "model.head.channels=8",
    "model.head.pool_channels=8", "test.ae_threshold=99", "test.num_dets=20", "test.top_k=20", "data.val.limit=2",
    "test.report=false", "test.flip=false", "train.ema=null",
]  # fmt: skip
OWN = ("photographs", "slides", "train.json", "scans.csv", "cells/data.yaml")  # sets of the reader's own


def typed() -> list[list[str]]:
    """Commands of the page, in their order, as a shell splits them."""
    blocks = re.findall(r"```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith(("cornernet ", "git "))]
    return [shlex.split(line) for line in lines]


def carried_out(words: list[str]) -> None:
    """Do what a command says, on little."""
    _, name, *given = words
    with pytest.raises(SystemExit) as left:
        call(command(name), [*given, *(TINY if name in ("train", "check_data", "show_data") else [])])
        sys.exit(0)
    assert not left.value.code, words


@pytest.fixture
def place(shared, tmp_path, monkeypatch):
    """Folder with what the clone would bring, and with sets in other layouts."""
    formats = shared / "data" / "formats"
    shutil.copytree(formats / "voc", tmp_path / "BCCD_Dataset" / "BCCD")
    shutil.copytree(formats / "yolo", tmp_path / "cells")
    shutil.copytree(formats / "voc" / "JPEGImages", tmp_path / "scans")
    shutil.copy(formats / "csv" / "train.csv", tmp_path / "scans.csv")
    for split, name in (("train", "train.json"), ("valid", "val.json")):
        shutil.copy(formats / "roboflow" / split / "_annotations.coco.json", tmp_path / name)
    shutil.copytree(formats / "voc" / "JPEGImages", tmp_path / "images")
    for own, suffix in (("photographs", ""), ("slides", "patient")):
        folder = tmp_path / own
        folder.mkdir()
        for xml in sorted((formats / "voc" / "Annotations").iterdir())[:12]:
            stem = f"{suffix}{xml.stem[-2:]}_{xml.stem}" if suffix else xml.stem
            shutil.copy(xml, folder / f"{stem}.xml")
            shutil.copy(formats / "voc" / "JPEGImages" / f"{xml.stem}.jpg", folder / f"{stem}.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_commands_lead_from_the_folder_to_a_drawn_prediction(place, capsys):
    first, *words = typed()
    assert " ".join(first) == CLONED
    steps = [x for x in words if not any(own in " ".join(x) for own in OWN)]
    assert [x[1] for x in steps[:2]] == ["train", "predict"]
    for step in steps:
        carried_out(step)
    assert len(list((place / "runs/custom/predictions").glob("*.jpg"))) == 28
    assert (place / "found" / "BloodImage_00029.jpg").exists()
    assert (place / "data/cells/data.yaml").exists() and (place / "runs/show-custom/targets.png").exists()
    assert (place / "runs/cells/diagnosis").is_dir()
    assert "20     8" in capsys.readouterr().out.replace("    8", "     8")


@pytest.mark.parametrize("own", OWN)
def test_other_layouts_are_taken_as_the_page_says(place, own, capsys):
    chosen = [x for x in typed() if own in " ".join(x)]
    for words in chosen:
        carried_out([words[0], "check_data", *words[2:]])
        assert "cannot be read" not in capsys.readouterr().out
    assert chosen
