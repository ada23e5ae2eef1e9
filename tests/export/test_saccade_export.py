"""A file of glances and looks: what it points at, the checkpoint's boxes by the loop outside, and refusals."""

import copy

import numpy as np
import pytest
import torch

from cornernet import Predictor
from cornernet.export import check, export
from cornernet.graphs import missing, of_file
from cornernet.prediction import exported_detector
from tests.conftest import SMALL, untrained

for name in ("onnx", "onnxruntime", "onnxscript"):
    pytest.importorskip(name, reason="needs the extra export")
trace = export.trace
SACCADE = "test.saccade={sides: [32, 64], zooms: [1, 2], targets: [40, 12], crops: 4, attention: 0}"
KEYS = [*SMALL, "model.attention.sizes=[8]", SACCADE, "test.ae_threshold=99", "test.top_k=60", "test.num_dets=40"]


@pytest.fixture(scope="module")
def best(tiny, tmp_path_factory):
    return untrained(tmp_path_factory.mktemp("saccade") / "best.pt", tiny, KEYS)


@pytest.fixture(scope="module")
def written(best):
    """The file of one that anything may be asked of."""
    export.export(best, out=best.with_suffix(".onnx"))
    return best.with_suffix(".onnx")


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


@pytest.mark.slow
def test_a_program_of_torch_points_as_well(best, tmp_path):
    out = tmp_path / "best.pt2"
    assert export.export(best, format="torch", out=out).compared.apart.lost == 0
    program, _ = of_file(out).open(out)
    images = torch.randint(256, (3, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        rows, marks = Predictor.load(best, "cpu").detector.eval().glance(images)
        found = program(images)
    for got, expected in zip(found, (*rows[:3], *marks), strict=True):
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)
    assert _told(out)


def _told(out):
    _, about = of_file(out).open(out)
    return "point_levels, 0 for those of large objects" in about["description"] and about["test"]["saccade"]["sides"]


def test_a_file_that_was_written_without_looks_does_not_search(best, tmp_path):
    out = tmp_path / "plain.onnx"
    export.export(best, ["test.saccade.sides=[]"], out=out)
    with pytest.raises(ValueError, match=r"plain\.onnx was exported without; export the checkpoint with them"):
        Predictor.load(out, overrides=["test.saccade.sides=[64]"])(np.zeros((90, 90, 3), np.uint8))


def test_the_loop_is_outside_and_can_be_set(written):
    _, settings, _ = exported_detector.load(written, ["test.saccade.crops=1", "test.saccade.box=1"])
    assert (settings.test.saccade.crops, settings.test.saccade.sides) == (1, [32, 64])
    image = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    assert len(Predictor.load(written, overrides=["test.saccade.crops=1"])(image)[0].boxes) > 0


@pytest.mark.parametrize("size", [(96, 96), "dynamic"])
def test_another_size_than_that_of_a_look_is_refused(best, tmp_path, size):
    with pytest.raises(
        ValueError, match=r"size is that of a look, data\.input_size, where test\.saccade\.sides are given"
    ):
        export.export(best, out=tmp_path / "best.onnx", size=size)


def test_attention_that_differs_is_reported(caplog):
    check.pointing([1e-5, 9e-5], "fp32")
    check.pointing([], "fp32")
    check.pointing([0.2], "int8")
    assert not caplog.records
    for apart, precision in (([2e-4], "fp32"), ([0.3], "int8"), ([float("nan")], "fp16")):
        check.pointing(apart, precision)
        assert (
            "the file's attention is not PyTorch's: scores of its points differ by" in caplog.records[-1].getMessage()
        )
    assert len(caplog.records) == 3


def test_a_broken_attention_map_is_seen_by_the_export(best, tmp_path, caplog, monkeypatch):
    def broken(graph, *given):
        graph = copy.deepcopy(graph)
        torch.nn.init.constant_(graph.detector.network.heads[-1].attention[0][2].bias, 1.0)
        return trace(graph, *given)

    monkeypatch.setattr(export, "trace", broken)
    export.export(best, out=tmp_path / "best.onnx")
    assert any("attention is not PyTorch's" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("test.saccade.zooms=[1]", r"test\.saccade\.zooms needs one number for each of the 2 attention maps"),
        ("test.saccade.targets=[9]", r"test\.saccade\.targets needs one number for each of the 2"),
        ("test.saccade.sides=[100]", r"must fit into data\.input_size=\[64, 64\]"),
        ("data.longest_side=100", r"and data\.longest_side=null"),
        ("test.scales=[0.5]", r"test\.scales=\[1\.0\]"),
    ],
)
def test_what_the_loop_cannot_do_is_refused(written, override, message):
    with pytest.raises(ValueError, match=message):
        Predictor.load(written, overrides=[override])
