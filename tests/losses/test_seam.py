"""A loss is one file: what it declares is all that the rest needs to know, by its name and by its dotted path."""

import importlib
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from cornernet import config, detectors
from cornernet.checkpoints.load import load_detector
from cornernet.config import Config, from_container, override, to_dict
from cornernet.losses import ROLES, build, declared, declared_of, default_weight
from cornernet.losses.discover import members
from cornernet.ops.tags import by_tags
from cornernet.training import engine

ROOT = Path(__file__).resolve().parents[2]
AREAS = """iou giou diou eiou focal_eiou siou alpha_iou wiou mpdiou shape_iou piou nwd inner focaler
interp_iou bounded_iou unified_iou""".split()
WEIGHTS = {  # beside those of the role
    "heatmap": {}, "offset": {}, "classification": {}, "grouping": {"ae": 0.1, "hamming": 0.25},
    "box": {"ciou": 2.4, "unified_iou": 2.4, "l1": 1, "balanced_l1": 1, "smooth_l1": 1, "mse": 1},
    "feature": {"center": 0.01, "center_invariant": 0.01, "ring": 0.01, "range": 0.001},
}  # fmt: skip
OF_ROLE = {"heatmap": 1, "offset": 1, "classification": 1, "grouping": 0.5, "box": 2, "feature": 0.1}
MEMBERS = [(role, name) for role in ROLES for name in ROLES[role]]


@pytest.mark.parametrize(("role", "name"), MEMBERS)
def test_every_loss_of_the_package_weighs_and_compares_what_it_did(role, name):
    by_path = f"cornernet.losses.{role}.{name}.{name}"
    assert default_weight(role, name) == default_weight(role, by_path) == WEIGHTS[role].get(name, OF_ROLE[role])
    assert default_weight(role, name, 7.0) == 7
    space = ("boxes" if name in (*AREAS, "ciou") else "deltas") if role == "box" else None
    assert declared_of(role, name).space == declared_of(role, by_path).space == space
    shifts = importlib.import_module("cornernet.losses.grouping.half_sides").pair_distance
    assert declared_of(role, by_path).pair_distance is (shifts if name == "half_sides" else by_tags)


# --- one file, by its dotted path in a folder of the user's, and by its name in that of its role ---

FILES = {
    "box": ("bar_iou", """
from cornernet.ops.boxes import box_iou

WEIGHT = 2.0
SPACE = "boxes"

def bar_iou(boxes1, boxes2, power: float = 1.0, *, image_size, num_classes, progress):
    SEEN.append((float(progress), image_size, num_classes))
    return (1 - box_iou(boxes1, boxes2)) ** power

SEEN = []
"""),
    "grouping": ("far", """
WEIGHT = 0.25

def far(tl_tag, br_tag, mask):
    return {"apart": ((tl_tag - br_tag) ** 2).mean(-1).mul(mask).sum()}

def pair_distance(tl_points, br_points, tl_tags, br_tags):
    side = br_points[:, None] - tl_points[:, :, None]
    return (side.amax(-1) - side.amin(-1)).abs() + 0 * (tl_tags[:, :, None] - br_tags[:, None]).sum(-1)
"""),
    "heatmap": ("warm", """
WEIGHT = 3.0

def warm(logits, target, floor: float = 0.0):
    return ((logits.sigmoid() - target) ** 2).sum() / (target == 1).sum().clamp(min=1) + floor
"""),
    "classification": ("graded", """
WEIGHT = 1.5

def graded(logits, labels, quality):
    assert quality.shape == labels.shape and not quality.requires_grad and (quality <= 1).all()
    return (logits.sigmoid().amax(1) - quality) ** 2 * (labels >= 0)
"""),
}  # fmt: skip
TRAIN = """
import json, logging, sys
from cornernet import checkpoints, config, drawing
from cornernet.training import engine
logging.basicConfig(level=logging.INFO)
drawing.curves = lambda folder, *texts: None  # which take longer than a step
for source, *words in json.loads(sys.argv[1]):
    engine.train(config.load(source, words))
    detector = checkpoints.load.load_detector(words[-1].partition("=")[2] + "/best.pt")[0]
    print(detector.decoder.keywords.get("pair_distance"))
"""
SHORT = ["train.steps=2", "data.shapes.train_images=4", "data.shapes.val_images=1", "train.save_every=2"]


def words(by_path):
    """The overrides that name these losses, for the anchor and for the corner detector."""
    named = {role: f"loss.{role}.name={f'{name}.{name}' if by_path else name}" for role, (name, _) in FILES.items()}
    anchor = [named["box"], "loss.box.args.power=2.0", named["classification"]]
    return {"anchor": anchor, "corner": [named["grouping"], named["heatmap"]]}


SAID = {
    "anchor": "in the total classification x 1.5, box x 2; the box loss compares decoded boxes",
    "corner": "in the total heatmap x 3, grouping x 0.25, offset x 1",
}


@pytest.fixture
def own_files(tmp_path, monkeypatch):
    """A folder of the user's on the Python path with one file a loss."""
    for name, text in FILES.values():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name, _ in FILES.values():
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_one_file_trains_by_its_dotted_path(own_files, tiny_anchor, tiny, caplog):
    caplog.set_level("INFO")
    for kind, source in {"anchor": tiny_anchor, "corner": tiny}.items():
        engine.train(config.load(source, [*words(True)[kind], *SHORT, f"work_dir={own_files / kind}"]))
        assert SAID[kind] in caplog.text
    assert {(0.0, (64, 64), 3), (0.5, (64, 64), 3)} <= set(sys.modules["bar_iou"].SEEN)
    told = own_files / "corner" / "best.pt"
    detector, _, _ = load_detector(told, words(True)["corner"])
    assert detector.decoder.keywords["pair_distance"] is sys.modules["far"].pair_distance
    caplog.clear()
    detector, settings, _ = load_detector(told)  # who only reads a checkpoint runs no code that it names
    assert detector.decoder.keywords["pair_distance"] is by_tags and settings.loss.grouping.name == "ae"
    assert "say so: loss.grouping.name=far.far; without that corners are paired by the distance of" in caplog.text


def test_one_file_trains_by_its_name_and_nothing_else_is_touched(tiny_anchor, tiny, tmp_path):
    for role, (name, text) in FILES.items():
        (tmp_path / "mine" / "losses" / role).mkdir(parents=True)
        (tmp_path / "mine" / "losses" / role / f"{name}.py").write_text(text, encoding="utf-8")
    kinds = {"anchor": tiny_anchor, "corner": tiny}
    both = [[str(x), *words(False)[kind], *SHORT, f"work_dir={tmp_path / kind}"] for kind, x in kinds.items()]
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, json.dumps(both)],
        capture_output=True, text=True, env={**os.environ, "CORNERNET_PLUGINS": str(tmp_path / "mine")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(said in done.stderr for said in SAID.values())
    assert "function pair_distance" in done.stdout  # the corner detector's own; by_tags has another name


def test_corners_are_paired_by_the_distance_of_the_loss(own_files, tiny):
    overrides = [words(True)["corner"][0], "test.ae_threshold=1", "test.top_k=60", "test.num_dets=500"]
    detector = detectors.build(config.load(tiny, overrides), 3).eval()
    with torch.no_grad():
        found = detector.predict(torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8))
    width, height = (found.boxes[found.scores > 0][:, 2:] - found.boxes[found.scores > 0][:, :2]).unbind(-1)
    assert len(width) > 20 and (width - height).abs().max() < 4.01  # a cell of 4 pixels; whatever the tags are


# --- what is declared wrongly, or not at all ---


@pytest.mark.parametrize(
    ("role", "text", "message"),
    [
        ("box", "WEIGHT = 2.0\ndef huber(a, b): ...", "box/huber.py must declare SPACE, see cornernet/losses/box/__"),
        ("box", "SPACE = 'boxes'\ndef huber(a, b): ...", "box/huber.py must declare WEIGHT"),
        ("box", "WEIGHT, SPACE = 2, 'box'\ndef huber(a, b): ...", "SPACE = 'box', expected 'boxes' or 'deltas'"),
        ("grouping", "WEIGHT = 1\ndef huber(a, b, c): ...", "grouping/huber.py must declare pair_distance"),
        ("grouping", "WEIGHT = pair_distance = 1\ndef huber(a, b, c): ...", "pair_distance that cannot be called"),
        ("offset", "def huber(a, b, c): ...", "offset/huber.py must declare WEIGHT"),
        ("offset", "WEIGHT = -1\ndef huber(a, b, c): ...", "huber.py declares WEIGHT = -1, expected a number of"),
    ],
)  # fmt: skip
def test_a_file_of_the_package_without_its_declaration_fails_with_its_name(tmp_path, monkeypatch, role, text, message):
    folder = tmp_path / "some_losses" / role
    folder.mkdir(parents=True)
    (folder / "huber.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("some_losses")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError) as error:
        members(f"some_losses.{role}", [str(folder)])
    assert message in str(error.value) and "huber.py" in str(error.value) and "\n" not in str(error.value)


class Declaring(torch.nn.Module):
    """A loss that declares on itself, before its file does."""

    WEIGHT, SPACE = 4.0, "deltas"

    def forward(self, boxes1, boxes2):
        return (boxes1 - boxes2).abs().sum(1)


def plain(boxes1, boxes2):
    return (boxes1 - boxes2).abs().sum(1)


def test_a_loss_from_elsewhere_is_taken_at_its_word():
    for loss in (Declaring, Declaring(), partial(Declaring)):
        assert declared("box", loss, "it")[:2] == (4, "deltas")
    assert default_weight("box", f"{__name__}.Declaring") == 4
    assert declared("box", plain, "it")[:2] == declared("box", partial(plain), "it")[:2] == (1, None)
    assert default_weight("grouping", f"{__name__}.plain") == 0.5 and default_weight("feature", "math.hypot") == 0.1
    around = build("box", "focaler", base="inner", base_args={"base": f"{__name__}.Declaring"})
    assert declared("box", around, "it")[:2] == (4, "deltas")
    assert declared("box", build("box", "inner", base="ciou"), "it")[:2] == (2.4, "boxes")
    with pytest.raises(ValueError, match="unknown box loss 'guio'"):
        default_weight("box", "guio")


@pytest.mark.parametrize(
    ("distance", "message"),
    [
        ("lambda tl_points, br_points: 0", "pair_distance of loss.grouping.name=own_far.own_far: "),
        ("lambda a, b, c, d: c.sum(-1)", r"must give one number a pair, \[2, 3, 2\] .*, got \[2, 3\]"),
        ("3", "'own_far.own_far' declares a pair_distance that cannot be called, a number"),
    ],
)
def test_a_distance_that_is_none_is_a_sentence(tmp_path, monkeypatch, distance, message):
    text = f"def own_far(tl_tag, br_tag, mask):\n    return tl_tag.sum()\n\npair_distance = {distance}\n"
    (tmp_path / "own_far.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_far", raising=False)
    with pytest.raises(ValueError, match=message):
        detectors.build(override(Config(), ["loss.grouping.name=own_far.own_far"]), 3)


def test_a_saved_config_may_name_a_loss_of_the_package_by_its_path():
    words = ["loss.grouping.name=cornernet.losses.grouping.half_sides.half_sides", "model.head.tag_dim=2"]
    held = from_container(to_dict(override(Config(), words)))
    assert config.untyped(held) == []
    worse = to_dict(override(Config(), words))
    worse["loss"]["grouping"]["name"] = "cornernet.losses.grouping.half_sides.torch"
    assert config.untyped(from_container(worse)) == ["loss.grouping.name=cornernet.losses.grouping.half_sides.torch"]
