"""A file of glances and looks: what it points at, the checkpoint's boxes by the loop outside, and refusals."""

import numpy as np
import pytest
import torch

from cornernet import Predictor
from cornernet.export import export
from cornernet.graphs import missing, of_file
from cornernet.prediction import exported_detector
from tests.conftest import SMALL, untrained

for name in ("onnx", "onnxruntime", "onnxscript"):
    pytest.importorskip(name, reason="needs the extra export")
SACCADE = "test.saccade={sides: [32, 64], zooms: [1, 2], targets: [40, 12], crops: 4, attention: 0}"
KEYS = [*SMALL, "model.attention.sizes=[8]", SACCADE, "test.ae_threshold=99", "test.top_k=60", "test.num_dets=40"]


@pytest.fixture(scope="module")
def best(tiny, tmp_path_factory):
    return untrained(tmp_path_factory.mktemp("saccade") / "best.pt", tiny, KEYS)


@pytest.mark.parametrize("ending", [".onnx", pytest.param(".xml", marks=pytest.mark.slow)])
@pytest.mark.parametrize("batch", [None, 2])
def test_a_file_points_where_the_checkpoint_does_and_gives_its_boxes(best, tmp_path, ending, batch):
    form = of_file(f"best{ending}")
    if missing(form, "NEEDS"):
        pytest.skip(form.INSTALL)
    out = tmp_path / f"best{ending}"
    done = export.export(best, format=form.__name__.rpartition(".")[2], out=out, batch=batch)
    assert done.canvas.size == (64, 64) and done.compared.apart.lost == 0
    own, found = Predictor.load(best, "cpu"), Predictor.load(out)
    images = torch.randint(256, (3, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        (rows, marks), (theirs, points) = own.detector.eval().glance(images), found.detector.glance(images)
    assert marks.labels.unique().tolist() == [0, 1]
    torch.testing.assert_close(points.scores, marks.scores, atol=1e-5, rtol=1e-4)
    peaks = marks.scores > 0  # those behind them are none, in any order
    assert peaks.sum() > 20 and torch.equal(points.labels[peaks], marks.labels[peaks])
    torch.testing.assert_close(points.points[peaks], marks.points[peaks])
    torch.testing.assert_close(theirs.scores, rows.scores, atol=1e-5, rtol=1e-4)
    image = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    (expected,), (got,) = own([image]), found([image])
    assert len(got.scores) == len(expected.scores) > 20
    torch.testing.assert_close(got.scores, expected.scores, atol=1e-4, rtol=1e-3)
    assert _told(out)


def _told(out):
    _, about = of_file(out).open(out)
    return "point_levels, 0 for those of large objects" in about["description"] and about["test"]["saccade"]["sides"]


def test_a_file_that_was_written_without_looks_does_not_search(best, tmp_path):
    out = tmp_path / "plain.onnx"
    export.export(best, ["test.saccade.sides=[]"], out=out)
    with pytest.raises(ValueError, match=r"plain\.onnx was exported without; export the checkpoint with them"):
        Predictor.load(out, overrides=["test.saccade.sides=[64]"])(np.zeros((90, 90, 3), np.uint8))


def test_the_loop_is_outside_and_can_be_set(best, tmp_path):
    out = tmp_path / "best.onnx"
    export.export(best, out=out)
    _, settings, _ = exported_detector.load(out, ["test.saccade.crops=1", "test.saccade.box=1"])
    assert (settings.test.saccade.crops, settings.test.saccade.sides) == (1, [32, 64])
    image = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    assert len(Predictor.load(out, overrides=["test.saccade.crops=1"])(image)[0].boxes) > 0


@pytest.mark.parametrize("size", [(96, 96), "dynamic"])
def test_another_size_than_that_of_a_look_is_refused(best, tmp_path, size):
    with pytest.raises(
        ValueError, match=r"size is that of a look, data\.input_size, where test\.saccade\.sides are given"
    ):
        export.export(best, out=tmp_path / "best.onnx", size=size)
