"""From facts to choices, from choices to a file, and the command: what it writes, and what it refuses."""

import json
import math
import sys

import cv2
import numpy as np
import pytest
import yaml

from cornernet import config
from cornernet.cli.commandline import call
from cornernet.cli.console import command
from cornernet.data.contents import Contents
from cornernet.recipes import Choice, ClassFacts, Facts, Means, decide, means, measured, text
from cornernet.recipes.means import WEIGHTS

TWO = [ClassFacts("a", 150, 400, 60.0), ClassFacts("b", 90, 100, 120.0)]
CELLS = Facts(
    images=200, longer=640, height=0.75, width=1, small=0.065, most=28, busy=20, overlapping=0.01, spread=1.3,
    told=0.95, classes=TWO,
)  # fmt: skip
CPU = Means(minutes=40, cores=2)


def chosen(facts=CELLS, there=CPU, **typed):
    return {each.key: each.value for each in decide(facts, there, {k.replace("_", "."): v for k, v in typed.items()})}


def why(key, facts=CELLS, there=CPU):
    return next(each.why for each in decide(facts, there) if each.key == key)


def test_cells_under_a_microscope_are_trained_as_by_hand():
    by_hand, found = config.load("bccd"), chosen()
    assert (found["data.longest_side"], tuple(found["data.input_size"])) == (384, by_hand.data.input_size)
    assert found["data.transforms.crop.scales"] == by_hand.data.transforms["crop"]["scales"]
    assert found["train.batch_size"] == 8 and found["train.steps"] == 1500 and found["data.max_objects"] == 64
    assert found["test.max_per_image"] == found["test.top_k"] == 100 and found["data.transforms.flip.vertical"] == 0
    assert found["model.region.name"] == "cpn" and "model.backbone.name" not in found
    assert "5th percentile of objects is 41.6 px at 640: at longest_side 384 it spans 6.2 cells of stride 4" in why(
        "data.longest_side"
    )


@pytest.mark.parametrize(
    ("small", "longer", "told", "longest", "reason"),
    [
        (0.015, 640, 0.95, 544, "spans 2.0 cells of stride 4; 2 cells take 544"),  # 8 / 0.015 = 533
        (0.065, 640, 0.5, 512, "512 is usual and 50% told by size"),  # one class is as good a guess
        (0.065, 320, 0.95, 320, "the images are 320 long"),
        (0.065, 40, 0.95, 128, "5th percentile"),
        (0.004, 4000, 0.95, 1024, "would take 2016, more than the 1024"),
    ],
)
def test_the_input_follows_from_small_objects_and_from_classes(small, longer, told, longest, reason):
    facts = CELLS._replace(small=small, longer=longer, told=told)
    assert chosen(facts)["data.longest_side"] == longest and reason in why("data.longest_side", facts)


def test_portraits_and_panoramas_have_inputs_of_their_shape():
    assert chosen(CELLS._replace(height=1, width=0.75))["data.input_size"] == [384, 288]
    assert chosen(CELLS._replace(height=0.01))["data.input_size"] == [64, 384]


def test_few_images_see_more_sizes_and_each_other():
    few = CELLS._replace(images=28)
    found = chosen(few, CPU._replace(mixing=("mosaic", "copy_paste")))
    names = [key.split(".")[2] for key in found if key.startswith("data.transforms.")]
    assert list(dict.fromkeys(names)) == ["mosaic", "copy_paste", "crop", "flip", "colour", "lighting"]
    assert found["data.transforms.crop.scales"][0] == 0.6 and found["data.max_objects"] == 64
    assert chosen(few._replace(most=40), CPU._replace(mixing=("mosaic",)))["data.max_objects"] == 96
    assert chosen(CELLS._replace(spread=2.5))["data.transforms.crop.scales"][0] == 0.6


def test_steps_follow_from_images_and_time():
    step = 1.5e-6 * 288 * 384 * 8
    assert chosen(there=CPU._replace(minutes=10))["train.steps"] == int(600 / step)
    assert chosen(there=CPU._replace(minutes=10, cores=4))["train.steps"] == int(1200 / step)
    assert chosen(there=CPU._replace(minutes=1, gpu=True))["train.steps"] == 1500
    assert chosen(CELLS._replace(images=20))["train.steps"] == 1000
    known = CPU._replace(pretrained=True)  # ImageNet's weights ask for less than half of it, and a step takes less
    assert [chosen(CELLS._replace(images=n), known)["train.steps"] for n in (20, 200)] == [500, 700]
    fast, slow = (chosen(there=x._replace(minutes=5))["train.steps"] for x in (known, CPU))
    assert fast == pytest.approx(slow * 15 / 11, rel=0.01)
    assert chosen(CELLS._replace(images=10**5), CPU._replace(gpu=True))["train.steps"] == 6000
    assert chosen(CELLS._replace(small=0.008))["train.batch_size"] == 4  # 1024 pixels
    assert "and there is time for 45 in 1 minute: a step takes about 1.3 s on 2 cores" in why(
        "train.steps", there=Means(1, 2)
    )
    for minutes in (1, 40):
        found = chosen(there=CPU._replace(minutes=minutes))
        assert 1 / (1 - found["train.ema"]) == pytest.approx(found["train.steps"] * 0.13, rel=0.05)
        assert math.ceil(found["train.steps"] / found["train.eval_every"]) == 6


def test_crowds_have_room_in_training_and_test():
    found = chosen(CELLS._replace(most=200))
    assert found["data.max_objects"] == 224 and found["test.max_per_image"] == found["test.top_k"] == 300
    assert found["model.region.proposals"] == 450 and chosen()["model.region.proposals"] == 150


def test_the_stride_that_is_said_is_the_one_that_is_used():
    for there, stride in ((CPU, 4), (CPU._replace(pretrained=True), 8), (CPU._replace(stride=8), 8)):
        spans = 41.6 * 384 / 640 / stride
        assert f"spans {spans:.1f} cells of stride {stride}" in why("data.longest_side", there=there)
    small = CELLS._replace(small=0.02)
    assert (
        chosen(small)["data.longest_side"] == 416 and chosen(small, CPU._replace(stride=8))["data.longest_side"] == 800
    )
    assert "2 cells take 800" in why("data.longest_side", small, CPU._replace(stride=8))


def test_a_stride_that_was_typed_is_one_of_the_means():
    typed = {"model.backbone.stride": 8}
    assert means.found(1, typed).stride == 8 and means.found(1, {}).stride is None
    assert means.found(1, {**typed, "model.detector": "anchor"}).stride is None


def test_parts_that_are_there_are_used():
    found = chosen(there=CPU._replace(pretrained=True))
    assert found["model.backbone.name"] == "efficientnet_lite0" and found["model.backbone.weights"] == "imagenet"
    assert found["model.backbone.stride"] == 8
    assert WEIGHTS in why("model.backbone.name", there=CPU._replace(pretrained=True))
    assert chosen(CELLS._replace(small=0.02), CPU._replace(pretrained=True))["model.backbone.stride"] == 4
    assert chosen(CELLS._replace(classes=TWO[:1]))["model.region.name"] == "cpn"
    assert not {"model.region.name", "test.top_k"} & chosen(there=CPU._replace(detector="anchor")).keys()
    points = chosen(there=CPU._replace(detector="points"))
    assert points["test.top_k"] == points["test.max_per_image"] and "model.region.name" not in points


def test_means_know_what_was_typed_and_what_is_installed(monkeypatch):
    monkeypatch.setattr(means, "_installed", lambda package: True)
    monkeypatch.setattr(means, "BACKBONES", {"efficientnet_lite0": None})
    monkeypatch.setattr(means.shipped, "names", lambda: ["custom", "pretrained"])
    assert means.found(1, {}).base == "pretrained"
    assert means.found(1, {"model.backbone.name": "resnet18"}).base == "custom"
    assert means.found(1, {"model.detector": "anchor"}).base == "anchor_custom"
    monkeypatch.setattr(means, "_installed", lambda package: False)
    assert means.found(1, {}).base == "custom"
    monkeypatch.undo()
    assert means._installed("torch") and not means._installed("cornernet-no-such-package")


def test_what_is_typed_goes_before_what_is_chosen():
    found = decide(CELLS, CPU, {"train.steps": 7, "data.transforms.crop": None, "data.transforms.blur": {}})
    keys = [each.key for each in found]
    assert found[keys.index("train.steps")] == Choice("train.steps", 7, "as you asked")
    assert not [key for key in keys if key.startswith("data.transforms.crop.")] and keys[-1] == "data.transforms.blur"


def test_facts_are_measured():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 40, 40], [5, 5, 15, 15], [50, 0, 90, 40]], np.float32)
    sizes, images = np.array([(100, 50), (50, 100), (200, 200)]), np.array([0, 0, 0, 1, 1])
    held = Contents(sizes, images, boxes, np.array([0, 0, 1, 0, 1]), 0)
    found = measured(held, ["small", "large", "none"])
    assert found.images == 3 and found.longer == 100 and found.most == 3 and (found.height, found.width) == (1, 1)
    assert found.overlapping == pytest.approx(2 / 5) and found.told == 1 and found.spread == 1
    grown = np.array([[0, 0, side, side] for side in (10, 20, 30, 40, 50)], np.float32)
    assert measured(held._replace(boxes=grown), ["small", "large"]).small == pytest.approx(0.12)
    assert found.classes == [("small", 2, 3, 10), ("large", 2, 2, 40), ("none", 0, 0, 0)]
    assert [each.name for each in found.seen] == ["small", "large"]
    mixed = measured(held._replace(labels=np.array([0, 1, 0, 1, 0])), ["a", "b"])
    assert mixed.told < 1 and mixed.overlapping == 0


VALUES = [
    "/a b/${x}/[c]", r"/a\${x}", "yes", "1e3", "~", "é: #", [0.6, "no"], {},
    [{"a": "1e3"}], None, 1e-5, True,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_read_as_it_was_written(value, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(text.document("custom", ["head"], [Choice("model.args.x", value, "why")]), encoding="utf-8")
    assert config.load(path).model.args == {"x": value}
    assert config.load("custom", [f"model.args.x={text.scalar(value)}"]).model.args == {"x": value}


# -- the command ------------------------------------------------------------------------------------------------


def said(capsys, *arguments, code=0):
    with pytest.raises(SystemExit) as left:
        call(command("auto"), list(map(str, arguments)))
        sys.exit(0)
    out, err = capsys.readouterr()
    assert (left.value.code or 0) == code, err
    assert code == 0 or err.count("\n") == 1
    return out if code == 0 else err


@pytest.fixture
def photos(tmp_path):
    """A COCO set of six PNGs that are named .jpg, of one class, with an object each."""
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 96, "height": 64} for n in range(6)]
    boxes = [{"id": n + 1, "image_id": n, "category_id": 1, "bbox": [8 + n, 8, 30, 20]} for n in range(6)]
    folder = tmp_path / "my ${set}"
    folder.mkdir()
    for image in images:
        noise = np.random.default_rng(image["id"]).integers(0, 255, (64, 96, 3), np.uint8)
        (folder / image["file_name"]).write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    coco = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cell"}]}
    (folder / "labels.json").write_text(json.dumps(coco))
    return folder


def test_the_file_says_why_and_trains_from_anywhere(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = said(capsys, photos.name, "out=recipe", "minutes=5", "train.lr=1e-3", "data.transforms.flip.vertical=0.5")
    path = tmp_path / "recipe" / "config.yaml"
    assert "cornernet train recipe/config.yaml work_dir=recipe/run" in printed
    assert "cell: 5 objects on 5 images" in printed
    lines = path.read_text().splitlines()
    keys = [n for n, line in enumerate(lines) if ": " in line and not line.lstrip().startswith("#")]
    assert len(keys) > 12 and all(lines[n - 1].lstrip().startswith("# ") for n in keys)
    assert max(map(len, lines)) <= 120 and yaml.safe_load(path.read_text())["train"]["lr"] == 1e-3
    monkeypatch.chdir("/")
    settings = config.load(path)
    assert settings.data.train.annotations == str(photos) and settings.data.val.split == 0.2
    assert settings.data.transforms["flip"] == {"p": 0.5, "vertical": 0.5} and settings.data.longest_side == 128
    assert list(settings.data.transforms)[-4:] == ["crop", "flip", "colour", "lighting"]


def test_paths_that_were_typed_lead_there_from_anywhere(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(photos.parent)
    moved = photos.rename(photos.with_name("images"))
    labels = (moved / "labels.json").rename(tmp_path / "labels.json")
    val = ["data.val.annotations=labels.json", "data.val.images=images"]
    said(capsys, "labels.json", "out=recipe", "data.train.images=images", *val)
    found = config.load(tmp_path / "recipe/config.yaml").data
    assert found.train.annotations == found.val.annotations == str(labels) and found.val.split == 0
    assert found.train.images == found.val.images == str(moved)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["nowhere", "out=x"], "there is no file or folder"),
        (["{}"], "out is missing"),
        (["{}", "out={}"], "must be a new or an empty folder"),
        (["{}", "out=x", "minutes=0"], "minutes must be a whole number of at least 1"),
        (["{}", "out=x", "train.stepps=1"], "did you mean train.steps?"),
        (["{}", "out=x", "train.lr=-1"], "train.lr must be above 0"),
        (["{}", "out=x", "data.val.split=2"], "data.val.split must be at least 0 and below 1"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_written(photos, tmp_path, capsys, monkeypatch, given, words):
    monkeypatch.chdir(tmp_path)
    assert words in said(capsys, *(word.replace("{}", str(photos)) for word in given), code=2)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kept", [0, 1])
def test_no_objects_and_one_image_are_one_sentence(photos, tmp_path, capsys, kept):
    path = photos / "labels.json"
    coco = json.loads(path.read_text())
    few = {"annotations": coco["annotations"][:kept], "images": coco["images"][: 1 if kept else 6]}
    path.write_text(json.dumps(coco | few))
    err = said(capsys, path, f"out={tmp_path / 'x'}", code=2)
    assert ("no box to train on" if not kept else "holds out 0 of 1 image ") in err


def test_real_cells_are_read_as_by_hand(shared, tmp_path, capsys):
    folder = shared / "data/bccd/annotations"
    said(capsys, folder / "train.json", f"out={tmp_path / 'x'}", f"data.val.annotations={folder / 'val.json'}")
    found, by_hand = config.load(tmp_path / "x/config.yaml"), config.load("bccd")
    assert found.data.input_size == by_hand.data.input_size and found.data.longest_side == by_hand.data.longest_side
    assert found.data.transforms["crop"] == by_hand.data.transforms["crop"]


def test_a_drawn_set_is_asked_for_by_name(tmp_path, capsys):
    printed = said(capsys, "shapes", f"out={tmp_path / 'x'}", "data.shapes.train_images=4", "data.shapes.val_images=2")
    found = config.load(tmp_path / "x/config.yaml").data
    assert found.name == "shapes" and found.shapes.train_images == 4 and "triangle" in printed
