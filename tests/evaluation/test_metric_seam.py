"""A metric is one file: found by its name and by its dotted path, and shown wherever the COCO figures are."""

import csv
import importlib
import json
import os
import re
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

from cornernet import config, evaluation
from cornernet.checkpoints import checkpoint
from cornernet.config import from_container, to_dict
from cornernet.errors import BadPlugin
from cornernet.evaluation import matching
from cornernet.evaluation.chosen import DEFAULT, chosen, known
from cornernet.evaluation.evaluated import Evaluated, nothing
from cornernet.evaluation.measure import TAKEN, Measure, by_figure, declared, figures_of
from cornernet.evaluation.measures import FIGURES, MEASURES, coco
from cornernet.evaluation.metrics import Metrics, table
from cornernet.evaluation.scoring import score
from cornernet.evaluation.truth import from_coco, placed
from cornernet.prediction.found import from_results
from cornernet.training import engine

FILE = '''"""Detections of no object, an image."""

HIGHER = False
COURSE = iter([3.0, 1.0, 2.0, 0.5, 7.0])


def strays(seen):
    images = len(seen.truth.image_ids)
    return (seen.matches(0.5) == -1).sum() / images + next(COURSE) if images else float("nan")


def shown(value):
    return f"{value:.1f} an image"
'''
TRAIN = """
import sys
from cornernet import config, drawing
from cornernet.training import engine
drawing.curves = lambda folder, *texts: None  # which take longer than a step
engine.train(config.load(sys.argv[1], sys.argv[2:]))
"""
SHORT = ["train.steps=3", "data.shapes.train_images=4", "data.shapes.val_images=2", "train.eval_every=1"]
SAID = r"\nstrays +2\.0 an image  Detections of no object, an image\.\n"


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """A folder of the user's on the Python path with the one file."""
    (tmp_path / "strays.py").write_text(FILE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("strays", None)


def shows_it(folder, printed):
    """Assert that a run shows the metric everywhere, and that the lowest value picked the best."""
    with (folder / "eval.csv").open(newline="") as file:
        assert [float(row["strays"]) for row in csv.DictReader(file)] == [3, 1, 2]
    last = json.loads((folder / "metrics.json").read_text())
    assert last["strays"] == 2 and last["AP"] == 0 and "own" not in last
    assert '<data value="2.0">2.0 an image</data>' in (folder / "report" / "index.html").read_text()
    assert b"val/strays" in next((folder / "tensorboard").iterdir()).read_bytes()
    best = checkpoint.load(folder / "best.pt")
    assert (best["step"], best["best"], best["metrics"]["strays"]) == (2, -1, 1)
    assert re.search(SAID, printed)


@pytest.mark.slow
def test_one_file_picks_the_best_by_its_dotted_path(own_file, tiny, capsys, caplog):
    caplog.set_level("INFO")
    folder = own_file / "run"
    words = [*SHORT, "test.report=true", f"work_dir={folder}"]
    engine.train(config.load(tiny, [*words, "train.metric=strays.strays"]))
    shows_it(folder, capsys.readouterr().out)
    evaluation.evaluate_checkpoint(folder / "best.pt", out=folder / "later")  # nobody typed it there
    assert "strays" not in json.loads((folder / "later" / "metrics.json").read_text())
    assert "if you trust it, say so: train.metric=strays.strays; without that it is not measured" in caplog.text
    found = evaluation.evaluate_checkpoint(folder / "best.pt", ["train.metric=strays.strays"], folder / "later")
    assert found.metrics.figures()["strays"] == 0.5
    caplog.clear()
    engine.train(config.load(tiny, [*words, "train.steps=4", "train.resume=auto"]))  # by AP from here on
    assert "train.metric: strays.strays -> AP; the next evaluation writes best.pt anew" in caplog.text
    assert checkpoint.load(folder / "best.pt")["step"] == 4
    again = ["train.steps=5", "train.resume=auto", "train.metric=strays.strays"]
    engine.train(config.load(tiny, [*words, *again]))  # 7 is no better than any before, but this has not judged them
    assert checkpoint.load(folder / "best.pt")["step"] == 5


def test_one_file_picks_the_best_by_its_name_and_nothing_else_is_touched(tiny, tmp_path):
    (tmp_path / "mine" / "evaluation" / "measures").mkdir(parents=True)
    (tmp_path / "mine" / "evaluation" / "measures" / "strays.py").write_text(FILE, encoding="utf-8")
    words = [*SHORT, "test.report=true", f"work_dir={tmp_path / 'run'}", "train.metric=strays"]
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(tiny), *words],
        capture_output=True, text=True, env={**os.environ, "CORNERNET_PLUGINS": str(tmp_path / "mine")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shows_it(tmp_path / "run", done.stdout)


def test_the_registry_holds_the_figures_of_coco():
    assert list(MEASURES) == ["any_class", "ap90", "coco", "false_discovery"] and DEFAULT.measure is MEASURES["coco"]
    assert len(FIGURES) == 16 and {item.name for item in fields(Metrics)} <= {*FIGURES, *TAKEN}


def test_better_is_what_the_metric_says():
    higher, lower = (Measure("m", abs, x, {"m": ""}) for x in (True, False))
    assert higher.rank(-1) < higher.rank(0) < higher.rank(2) and lower.rank(-1) < lower.rank(2) < lower.rank(0)
    assert higher.rank(0.3) == 0.3  # what checkpoints from before hold of AP
    assert chosen("AP50").rank({"AP": 0.1, "AP50": 0.2}) == 0.2


def test_what_came_inside_a_file_is_not_looked_up(tmp_path, caplog):
    settings = from_container(to_dict(config.override(config.Config(), ["train.metric=os.system"])))
    assert known(settings, "best.pt") is DEFAULT and "best.pt holds train.metric=os.system, which is" in caplog.text
    there = from_container(to_dict(config.override(config.Config(), ["train.metric=of_a_plugin_that_is_not_here"])))
    assert known(there, "best.pt") is DEFAULT


SET = {
    "images": [{"id": 1}, {"id": 2}],
    "categories": [{"id": 1}, {"id": 2}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10]},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 12]},
        {"id": 3, "image_id": 2, "category_id": 2, "bbox": [50, 0, 40, 40], "iscrowd": 1},
        {"id": 4, "image_id": 2, "category_id": 1, "bbox": [50, 0, 40, 40]},
    ],
}
FOUND = [  # image, category, box, score -> row of the annotation
    (1, 1, [0, 0, 10, 10], 0.8, 0), (1, 1, [0, 0, 10, 10], 0.9, 1), (1, 1, [0, 0, 10, 10], 0.7, -1),
    (1, 2, [0, 0, 10, 10], 0.9, -1), (2, 2, [55, 5, 10, 10], 0.9, -2), (2, 2, [0, 0, 10, 10], 0.9, -1),
    (2, 1, [50, 0, 40, 40], 0.2, 3),
]  # fmt: skip


def seen():
    rows = [{"image_id": i, "category_id": k, "bbox": box, "score": s} for i, k, box, s, _ in FOUND]
    truth, none = from_coco(SET), nothing()
    return Evaluated(truth, placed(from_results(rows), truth), none.precision, none.recall, none.stats)


def test_a_metric_is_told_which_detection_is_of_which_object():
    at_half = [FOUND[0][-1], *(row[-1] for row in FOUND[1:])]
    at_half[:2] = [1, 0]  # the better one first, and the object that it overlaps most
    assert seen().matches(0.5).tolist() == at_half
    assert seen().matches(0.9).tolist() == [-1, 0, -1, -1, -2, -1, 3]
    assert nothing().matches().tolist() == []
    assert matching.IGNORED == -2


def test_matches_are_those_of_coco():
    """The share of detections that are right, over all, is pycocotools' at its last recall."""
    rng, right = np.random.default_rng(0), []
    for _ in range(20):
        boxes = np.round(rng.uniform(0, 60, (30, 4))) + np.array([0, 0, 20, 20])
        truth = from_coco({
            "images": [{"id": i} for i in range(3)], "categories": [{"id": 1}],
            "annotations": [
                {"id": n, "image_id": n % 3, "category_id": 1, "bbox": list(box)} for n, box in enumerate(boxes[:12])
            ],
        })  # fmt: skip
        rows = [
            {"image_id": n % 3, "category_id": 1, "bbox": list(box + rng.normal(0, 2, 4)), "score": rng.uniform()}
            for n, box in enumerate(boxes)
        ]
        caught: list[Evaluated] = []
        spy = Measure("spy", lambda x, caught=caught: caught.append(x) or 0, True, {"spy": ""})
        score(truth, placed(from_results(rows), truth), measures={**MEASURES, "spy": spy})
        for t, iou in enumerate((0.5, 0.55, 0.6)):
            recall = (caught[0].matches(iou) >= 0).sum() / 12
            right.append(recall == pytest.approx(caught[0].recall[t, 0, 0, 2]))
    assert all(right) and len(right) == 60


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def odd(seen): return 1", "metric odd must declare HIGHER = True or False, got None"),
        ("HIGHER = 1\ndef odd(seen): return 1", "must declare HIGHER = True or False, got 1"),
        ("HIGHER = True", r"metric odd must be a function odd\(seen\), got None"),
        ("HIGHER, FIGURES = True, {}\ndef odd(seen): return 1", "declares FIGURES = {}, expected a dict"),
        ("HIGHER, FIGURES = True, {'a/b': ''}\ndef odd(seen): return 1", "has a figure 'a/b'; expected a letter"),
        ("HIGHER, FIGURES = True, {'images': ''}\ndef odd(seen): return 1", "has a figure 'images'; expected"),
    ],
)
def test_a_file_without_its_declaration_is_named(tmp_path, monkeypatch, text, message):
    (tmp_path / "odd.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "odd", raising=False)
    with pytest.raises(ValueError, match=message):
        declared("odd", getattr(importlib.import_module("odd"), "odd", None))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda seen: 1 / len(seen.truth.image_ids), "metric m failed on 0 images with ZeroDivisionError"),
        (lambda seen: -0.5, "a finite number of at least 0, or -1 for nothing to measure, got -0.5"),
        (lambda seen: float("inf"), "a finite number"),
        (lambda seen: {"other": 1}, "metric m failed on 0 images with KeyError: 'm'"),
        (lambda seen: "much", "metric m failed on 0 images with ValueError"),
    ],
)
def test_a_metric_that_fails_is_named(value, message):
    with pytest.raises(ValueError, match=message):
        figures_of(nothing(), {"m": Measure("m", value, True, {"m": "it"})})


def test_nothing_to_measure_is_a_dash():
    found = figures_of(nothing(), {"m": Measure("m", lambda seen: float("nan"), True, {"m": "it"})})["m"]
    assert (found.value, found.text) == (-1, "-")
    zero = dict.fromkeys((*coco.FIGURES, "AP90", "images", "objects", "detections"), 0)
    assert "\nm              -  it\n" in table(Metrics(**zero, own=[found]))


def test_names_are_one_metrics_alone():
    again = Measure("again", abs, True, {"AP": ""})
    with pytest.raises(BadPlugin, match="the metrics coco and again both have a figure AP"):
        by_figure({**MEASURES, "again": again})
    with pytest.raises(ValueError, match=r"unknown metric 'AR_smal', did you mean AR_small\?"):
        chosen("AR_smal")
    with pytest.raises(ValueError, match=r"metric 'os\.system' is code from elsewhere"):
        chosen("os.system")


def test_a_wrong_metric_ends_a_run_before_it_starts(tiny, tmp_path):
    for word, message in (("train.metric=mAP", "unknown metric 'mAP'"), ("train.metric=os.path.join", "HIGHER")):
        with pytest.raises(ValueError, match=message):
            engine.train(config.load(tiny, [word, f"work_dir={tmp_path / 'run'}"]))
    held = from_container(to_dict(config.load(tiny, ["train.metric=os.path.join"])))
    with pytest.raises(
        ValueError, match=r"the config holds train\.metric=os\.path\.join, which is code from elsewhere"
    ):
        engine.train(held)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("path", ["strays", "strays.strays"])
def test_the_path_of_the_file_and_of_what_is_in_it_are_the_same(tmp_path, monkeypatch, path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "strays.py").write_text(FILE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)  # another test's
    picked = chosen(f"mine.{path}", typed=True)
    assert (picked.figure, picked.measure.higher) == ("strays", False)
    for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
        del sys.modules[name]
