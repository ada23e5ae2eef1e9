"""The faster libraries beside pycocotools, the reference, on random sets; which of them auto takes; what is refused."""

import importlib
import json
import logging

import numpy as np
import pytest

from cornernet.evaluation import backends
from cornernet.evaluation.backends import curves
from cornernet.evaluation.metrics import FIGURES, table, write
from cornernet.evaluation.scoring import coco_metrics, score, within
from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found

FASTER = ("hotcoco", "faster_coco_eval")


def random_set(seed, images=6, classes=3):
    """Objects, some of them crowds, of areas that are not those of their boxes; detections with many equal scores.

    Some images and classes have no objects, and some no detections; of the seeds 0 and 1 all have none.
    """
    rng = np.random.default_rng(seed)
    count, found = (0 if seed == 0 else 25), (0 if seed == 1 else 120)
    ids = rng.permutation(50)[:images].tolist()
    of, labels = rng.integers(0, images - 1, count), rng.integers(0, classes, count)
    boxes = np.concatenate([rng.integers(0, 60, (count, 2)), rng.integers(1, 140, (count, 2))], 1).astype(float)
    source = rng.integers(0, max(1, count), found)
    seen = np.abs(boxes[source] * rng.normal(1, 0.08, (found, 4))) if count else rng.random((found, 4)) * 50 + 1
    at = np.sort(of[source] if count else rng.integers(0, images, found))
    kinds = np.where(rng.random(found) < 0.9, labels[source], 0) if count else np.zeros(found, int)
    areas = boxes[:, 2] * boxes[:, 3] * rng.uniform(0.5, 1, count)
    names = [str(k) for k in range(classes)]
    truth = Truth(
        ids, list(map(str, ids)), list(range(classes)), names, of, labels, boxes, areas, rng.random(count) < 0.15
    )
    return truth, Found(ids, list(range(classes)), at, kinds, seen, np.round(rng.random(found), 1))


@pytest.mark.parametrize("name", FASTER)
@pytest.mark.parametrize("seed", range(8))
def test_precision_and_recall_are_those_of_pycocotools(name, seed):
    pytest.importorskip(name)
    truth, found = random_set(seed)
    for limits in ([1, 10, 100], [1, 3], [1, 10, 100, 300]):
        for ours, reference in zip(*(curves(truth, found, limits, x) for x in (name, "pycocotools")), strict=True):
            assert ours.shape == reference.shape and np.abs(ours - reference).max() < 1e-12


@pytest.mark.parametrize("name", FASTER)
def test_all_figures_and_those_of_the_classes_are_equal(name):
    pytest.importorskip(name)
    for limit in (3, 100, 200):
        one, other = (score(*random_set(5), backend, limit=limit).metrics for backend in (name, "pycocotools"))
        assert one.figures() == pytest.approx(other.figures(), abs=1e-12) and one.figures()["AP"] > 0
        assert [c.AP for c in one.per_class] == pytest.approx([c.AP for c in other.per_class], abs=1e-12)


def test_auto_takes_the_fastest_that_is_installed_and_works(monkeypatch, caplog):
    there, broken = set(backends.PACKAGES), set()

    def load(name):
        if name in broken:
            raise ImportError("libgomp.so.1 is missing")
        return "data set", name

    monkeypatch.setattr(backends, "_imported", load)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in there else None)
    assert backends._library("auto")[0] == "hotcoco"
    broken.add("hotcoco")
    with caplog.at_level(logging.WARNING, "cornernet"):
        assert backends._library("auto")[0] == "faster_coco_eval"
    assert "hotcoco is installed, but test.backend=auto cannot use it: libgomp.so.1" in caplog.text
    with pytest.raises(ValueError, match="the backend hotcoco cannot be used: libgomp"):
        backends._library("hotcoco")
    there -= {"hotcoco", "faster_coco_eval"}
    assert backends._library("auto")[0] == "pycocotools"
    with pytest.raises(ValueError, match="faster_coco_eval is not installed: pip install faster-coco-eval"):
        backends._library("faster_coco_eval")


# -- test.max_per_image is the limit of the figures -------------------------------------------------------------


def row_of(count, image=1, label=1):
    """So many boxes beside each other on an image."""
    return [{"image_id": image, "category_id": label, "bbox": [10 * n, 0, 8, 8], "id": n + 1} for n in range(count)]


def dense(count=200):
    truth = {"images": [{"id": 1}], "categories": [{"id": 1, "name": "cell"}], "annotations": row_of(count)}
    return truth, [{**x, "score": 1 - n / 1000} for n, x in enumerate(truth["annotations"])]


@pytest.mark.parametrize("name", ["pycocotools", "auto"])
def test_a_perfect_detector_of_200_objects_has_an_ap_of_one_where_300_are_looked_at(name):
    usual, more = (coco_metrics(*dense(), name, limit) for limit in (100, 300))
    assert usual.AP == pytest.approx(51 / 101) and usual.AR100 == pytest.approx(0.5)
    assert usual.best_f1 == pytest.approx(2 / 3) and usual.figures()["AP_any_class"] == pytest.approx(51 / 101)
    assert {more.AP, more.AP50, more.AP90, more.AR_small, more.best_f1, more.per_class[0].AP} == {1}
    assert more.figures()["AP_any_class"] == more.figures()["AR300"] == 1 and more.AR100 == pytest.approx(0.5)
    assert more.AR1 == usual.AR1 and more.AR10 == usual.AR10 == pytest.approx(0.05)


def test_the_limit_stands_in_the_table_and_the_files(tmp_path):
    usual, more, few = (coco_metrics(*dense(), limit=limit) for limit in (100, 300, 50))
    assert "@" not in table(usual) and "AR300" not in table(usual)
    rows = [line.split() for line in table(more).splitlines()]
    assert ["AP@300", "1.000", "IoU", "0.50:0.95,", "all", "sizes,", "300", "detections"] in rows
    assert {row[0] for row in rows if row} >= {"AP50@300", "AR_small@300", "AP90@300", "AP_any_class@300", "AR100"}
    assert ["class", "objects", "detections", "AP@300", "AP50@300", "F1", "at", "score"] in rows
    assert "AP@50 " in table(few) and few.AP == pytest.approx(26 / 101, abs=1e-2) and few.AR100 == 0.25
    write(more, [], tmp_path)
    held = json.loads((tmp_path / "metrics.json").read_text())
    assert held["max_per_image"] == 300 and held["AP"] == held["AR300"] == 1 and set(FIGURES) <= set(held)


def test_the_limit_is_of_a_class_in_an_image_and_the_best_are_kept():
    labels, scores = np.array([0, 0, 0, 1, 0]), np.array([0.1, 0.9, 0.9, 0.2, 0.3])
    found = Found([1, 2], [1, 2], np.array([0, 0, 0, 0, 1]), labels, np.ones((5, 4)), scores)
    assert within(found, 2).scores.tolist() == [0.9, 0.9, 0.2, 0.3] and within(found, 4) is found
    assert within(found, 1).images.tolist() == [0, 0, 1]


def test_crowds_are_ignored_beyond_a_hundred_too():
    truth, results = dense(120)
    truth["annotations"].append({"id": 999, "image_id": 1, "category_id": 1, "bbox": [0, 50, 90, 90], "iscrowd": 1})
    inside = {"image_id": 1, "category_id": 1, "bbox": [5, 60, 9, 9], "score": 2.0}
    more = coco_metrics(truth, [*results, inside], limit=200)
    assert more.AP == more.best_f1 == 1 and more.objects == 120


def test_the_case_of_200_rectangles(shared):
    if not (shared / "cases" / "dense").is_dir():
        pytest.skip("needs cases/dense of the reference data")
    truth = json.loads((shared / "cases" / "dense" / "val.json").read_text())
    results = [{**x, "score": 1 - n / 1000} for n, x in enumerate(truth["annotations"])]
    assert coco_metrics(truth, results, limit=300).AP == 1 > 0.506 > coco_metrics(truth, results).AP
