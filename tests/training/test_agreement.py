"""Processes that are not about to do the same training are told apart, by rank and by what differs."""

import json
from types import SimpleNamespace

import pytest

from cornernet import config
from cornernet.data import read
from cornernet.data.sources.shapes import ShapesSet
from cornernet.training import agreement
from cornernet.training.agreement import agree, differences, facts

TWO = SimpleNamespace(num_processes=2)


def written(folder, change=lambda content: None):
    """An annotation file of two images, changed, as a source."""
    images = [{"id": i, "file_name": f"{i}.png", "width": 50, "height": 40} for i in (1, 2)]
    content = {
        "images": images,
        "annotations": [{"id": i, "image_id": i, "category_id": 7, "bbox": [1, 2, 10, 9]} for i in (1, 2)],
        "categories": [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}],
    }
    change(content)
    folder.mkdir()
    for image in content["images"]:
        (folder / image["file_name"]).touch()
    (folder / "a.json").write_text(json.dumps(content))
    return read(folder / "a.json", folder)


def differing(tmp_path, change, overrides=()):
    """What is said of a second process whose file or settings are others."""
    first, second = written(tmp_path / "first"), written(tmp_path / "second", change)
    mine, other = config.Config(), config.override(config.Config(), list(overrides))
    return "; ".join(differences([facts(mine, first, first), facts(other, second, first)]))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c["annotations"][1].update(bbox=[1, 2, 10, 9.5]), ["the training boxes"]),
        (lambda c: c["annotations"][1].update(category_id=9), ["the training boxes"]),
        (lambda c: c["annotations"][1].update(iscrowd=1), ["the training boxes"]),
        (lambda c: c["annotations"].pop(), ["the training boxes"]),
        (lambda c: c["images"].reverse(), ["the list of training images"]),
        (lambda c: c["images"][0].update(file_name="x.png"), ["the list of training images"]),
        (lambda c: (c["images"].pop(), c["annotations"].pop()), ["training images 1 where rank 0 has 2"]),
        (lambda c: c["categories"][1].update(name="bird"), ["the class names cat, bird where rank 0 has cat, dog"]),
        (lambda c: c["categories"][1].update(id=8), ["the category ids [7, 8] where rank 0 has [7, 9]"]),
        (lambda c: c["annotations"].reverse(), []),
    ],
)  # fmt: skip
def test_other_data_are_named(tmp_path, change, expected):
    text = differing(tmp_path, change)
    assert all(part in text for part in expected) and bool(text) == bool(expected)
    assert not expected or text.startswith("rank 1 has ")


def test_other_settings_are_named_but_for_what_a_machine_may_have_of_its_own(tmp_path):
    own = ["work_dir=x", "data.root=/scratch", "data.train.images=y", "data.workers=7", "train.resume=auto"]
    assert differing(tmp_path, lambda c: None, own) == ""
    (tmp_path / "more").mkdir()
    text = differing(tmp_path / "more", lambda c: None, ["seed=4", "train.lr=0.5"])
    assert text == "rank 1 has seed 4 where rank 0 has 317, train.lr 0.5 where rank 0 has 0.00025"


def test_other_programs_and_every_rank_are_named(monkeypatch):
    shapes = ShapesSet("train", 3)
    told = facts(config.Config(), shapes, shapes)
    old = {**told, "the version of torch": "1.0"}
    monkeypatch.setattr(agreement, "gather_object", lambda mine: [*mine, told, old, {**old, "new key": "1"}])
    with pytest.raises(ValueError, match=r"not about to do the same: rank 2 has the version of torch 1\.0 .*; rank 3"):
        agree(config.Config(), shapes, shapes, TWO)
    monkeypatch.setattr(agreement, "gather_object", lambda mine: [*mine, told])
    agree(config.Config(), shapes, shapes, TWO)
