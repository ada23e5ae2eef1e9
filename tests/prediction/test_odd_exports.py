"""An exported file whose metadata or rows are not an export's: one sentence with its name, whatever they are."""

import json
from types import SimpleNamespace

import pytest
import torch

from cornernet import config
from cornernet.prediction import exported_detector

GOOD = {
    "config": config.to_dict(config.Config()), "names": ["a", "b"], "category_ids": [1, 2], "input_size": [64, 64],
    "batch": "dynamic",
}  # fmt: skip
MISSING = object()
ODD = [
    ("config", MISSING), ("config", None), ("config", []), ("config", "x"), ("config", {"data": 5}),
    ("config", {"data": {"transforms": 5}}),
    ("config", {"zzz": 1}), ("config", {"train": {"callbacks": {"a": 1}}}), ("config", {"test": {"scales": [1e4]}}),
    ("config", {"test": {"nms": {"iou": float("nan")}}}), ("config", {"data": {"mean": [float("nan")] * 3}}),
    ("config", {"test": {"draw_score": -1}}), ("config", {"test": {"scales": []}}), ("config", {"": {"": 1}}),
    ("config", {"data": {"max_objects": 10**9}}), ("config", {"loss": {"box": None}}), ("config", {"a": "x" * 9000}),
    ("names", MISSING), ("names", None), ("names", "ab"), ("names", [1, 2]), ("names", ["a"]), ("names", []),
    ("names", {"a": 1, "b": 2}), ("category_ids", ["1", "2"]), ("category_ids", [True, False]),
    ("category_ids", None), ("input_size", [64]), ("input_size", ["64", "64"]), ("input_size", [0, 64]),
    ("input_size", [1e9, 1e9]), ("input_size", [10**9, 10**9]), ("input_size", None), ("batch", None), ("batch", "2"),
    ("batch", 0), ("batch", -1), ("batch", 1.5), ("batch", 10**9), ("batch", [1]), ("batch", MISSING),
]  # fmt: skip


def opened(monkeypatch, tmp_path, about, run=None):
    """Path of a file that is opened as this, and what `load` makes of it."""
    path = tmp_path / "odd.onnx"
    path.write_bytes(b"x")
    form = SimpleNamespace(open=lambda path: (run, about), SAFE=True)
    monkeypatch.setattr(exported_detector.graphs, "of_file", lambda path: form)
    return path


def test_what_an_export_writes_is_taken(monkeypatch, tmp_path):
    detector, _, held = exported_detector.load(opened(monkeypatch, tmp_path, GOOD))
    assert detector.fit_size(9, 999) == (64, 64) and held["class_names"] == ["a", "b"]


@pytest.mark.parametrize(("key", "value"), ODD)
def test_odd_metadata_are_one_sentence_with_the_file(monkeypatch, tmp_path, key, value):
    about = {**GOOD, key: value} if value is not MISSING else {k: v for k, v in GOOD.items() if k != key}
    path = opened(monkeypatch, tmp_path, about)
    with pytest.raises(ValueError) as caught:
        exported_detector.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("about", [None, [], "x", {}, {"config": {}}])
def test_metadata_of_another_kind_are_too(monkeypatch, tmp_path, about):
    path = opened(monkeypatch, tmp_path, about)
    with pytest.raises(ValueError, match=r"odd\.onnx"):
        exported_detector.load(path)


def test_text_that_is_no_json_is_too(monkeypatch, tmp_path):
    path = opened(monkeypatch, tmp_path, GOOD)
    for text in ("{", "[" * 100_000, "\x00"):
        form = SimpleNamespace(open=lambda path, text=text: (None, json.loads(text)))
        monkeypatch.setattr(exported_detector.graphs, "of_file", lambda path, form=form: form)
        with pytest.raises(ValueError, match=r"odd\.onnx is damaged or was not exported by this toolkit"):
            exported_detector.load(path)


def rows(boxes=(1, 3, 4), scores=(1, 3), label=0):
    return torch.zeros(boxes), torch.ones(scores), torch.full(scores, label)


def points(size=2, level=0, at=3.0):
    return torch.full((1, 4, size), at), torch.ones(1, 4), torch.full((1, 4), level)


class Broken(Exception):
    pass


def raising(images):
    raise Broken("what onnxruntime\nmay say")


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda images: rows(label=5), r"odd\.onnx finds an object of class 5, but names 2 classes"),
        (lambda images: rows(label=-1), r"odd\.onnx finds an object of class -1, but names 2 classes"),
        (lambda images: rows()[:2], r"odd\.onnx cannot be run on \[1, 3, 64, 64\] as an export can \(not enough"),
        (lambda images: rows(boxes=(1, 3, 5)), r"odd\.onnx gives boxes, scores, labels of \[1, 3, 5\], \[1, 3\]"),
        (lambda images: rows(scores=(3,)), r"odd\.onnx gives boxes, scores, labels of"),
        (
            lambda images: (*rows(), *points(size=3)),
            r"odd\.onnx gives points of \[1, 4, 3\], \[1, 4\], \[1, 4\], expected",
        ),
        (lambda images: (*rows(), *points()[:2]), r"odd\.onnx gives points of"),
        (lambda images: (*rows(), *points(level=9)), r"odd\.onnx points at no place, or by another attention map than"),
        (lambda images: (*rows(), *points(level=-1)), r"odd\.onnx points at no place"),
        (lambda images: (*rows(), *points(at=float("nan"))), r"odd\.onnx points at no place"),
        (raising, r"odd\.onnx cannot be run on .* \(what onnxruntime may say\)"),
    ],
)
def test_rows_that_no_export_gives_are_one_sentence_with_the_file(monkeypatch, tmp_path, run, message):
    detector, *_ = exported_detector.load(opened(monkeypatch, tmp_path, GOOD, run))
    with pytest.raises(ValueError, match=message):
        detector.predict(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
