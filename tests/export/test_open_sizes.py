"""Files that take images of any size: their canvases, corner pooling, and the checkpoint's boxes on each image."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.export import Dim

from cornernet import Predictor
from cornernet.evaluation.checkpoint import evaluate_checkpoint
from cornernet.export import check, export, sizes
from cornernet.ops import corner_pool
from cornernet.prediction import FixedCanvas, OpenCanvas, difference, exported_detector
from tests.conftest import ONE_LEVEL, SMALL, untrained

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "onnx_example.py"
KEYS = [*SMALL, *ONE_LEVEL, "test.ae_threshold=9", "test.num_dets=40", "test.top_k=60"]  # of a small one with many rows
OTHERS = ["corner", "anchor", "corner_lite0", "triplets", "centripetal", "verify"]
CANVAS = OpenCanvas((32, 64), (0, 1), (64, 127), (8192, 8191))


# -- canvases -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "canvas"),
    [((1, 1), (64, 127)), ((65, 128), (96, 191)), ((96, 191), (96, 191)), ((9000, 8191), (8192, 8191))],
)
def test_the_smallest_canvas_that_holds_an_image_by_hand(image, canvas):
    assert CANVAS.fit_size(*image) == canvas


def growing(multiple, less, least=(0, 0)):
    """A detector whose canvases are multiples of a number, less some pixels, and not below the least."""
    side = lambda n, i: -(-(max(n, least[i]) + less[i]) // multiple) * multiple - less[i]  # noqa: E731
    return SimpleNamespace(fit_size=lambda height, width: (side(height, 0), side(width, 1)))


def test_canvases_are_read_off_a_detector():
    found = sizes.open_canvas(growing(64, (0, 1)))
    assert found == OpenCanvas((64, 64), (0, 1), (128, 127), (8192, 8191))  # two steps at least
    assert sizes.open_canvas(growing(32, (0, 0), (288, 384))).least == (288, 384)
    jumping = SimpleNamespace(fit_size=lambda height, width: (2 ** (height - 1).bit_length(),) * 2)
    with pytest.raises(ValueError, match=r"size=dynamic is for networks whose canvases grow in equal steps: give one"):
        sizes.open_canvas(jumping)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"precision": "int8", "calibrate": 3}, "got precision=int8"),
        ({"batch": 4}, "got batch=4"),
    ],
)
def test_what_does_not_go_with_an_open_size_is_refused(how, said):
    pytest.importorskip("onnxruntime", reason="needs the extra export")
    with pytest.raises(
        ValueError, match=f"size=dynamic goes with precision=fp32 or fp16 and batch=dynamic or 1, {said}"
    ):
        export.plan("best.pt", size="dynamic", **how)
    assert export.plan("best.pt", size="dynamic", batch=1).batch == 1


SIZES = {"multiple": [8, 8], "less": [0, 1], "least": [16, 15], "most": [8192, 8191]}


@pytest.mark.parametrize(
    "change",
    [
        None, [], {}, SIZES | {"multiple": [0, 8]}, SIZES | {"multiple": [8]}, SIZES | {"less": [8, 1]},
        SIZES | {"least": [12, 15]}, SIZES | {"least": [0, 15]}, SIZES | {"most": [10**9, 8191]}, SIZES | {"most": "9"},
        SIZES | {"most": [8.0, 8191]}, SIZES | {"less": [True, 1]},
    ],
)  # fmt: skip
def test_canvases_that_no_export_writes_are_refused(change):
    about = {"config": {}, "names": ["a"], "category_ids": [1], "input_size": "dynamic", "batch": "dynamic"}
    assert exported_detector._plain(about | {"sizes": SIZES})
    assert not exported_detector._plain(about | {"sizes": change})
    assert not exported_detector._plain(about | {"sizes": SIZES, "batch": 2})


# -- corner pooling -----------------------------------------------------------------------------------------------


class Pools(nn.Module):
    """All four pools of a map."""

    def forward(self, x):
        """[B, D, H, W] -> four maps."""
        return [getattr(corner_pool, f"{side}_pool")(x) for side in ("top", "bottom", "left", "right")]


def test_corner_pooling_of_an_open_size_is_exact():
    axes = {2: Dim("rows", min=2, max=corner_pool.CELLS), 3: Dim("columns", min=2, max=corner_pool.CELLS)}
    run = torch.export.export(Pools(), (torch.zeros(1, 2, 3, 5),), dynamic_shapes=(axes,)).module()
    for size in ((2, 3), (17, 64), (5, corner_pool.CELLS), (corner_pool.CELLS, 2)):
        x = torch.randn(1, 2, *size) - 3
        assert all(torch.equal(a, b) for a, b in zip(run(x), Pools()(x), strict=True))


# -- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["points", *(pytest.param(kind, marks=pytest.mark.slow) for kind in OTHERS)])
def test_a_program_gives_what_the_detector_does_at_any_size(kinds, tmp_path, kind):
    detector = export.traceable(untrained(tmp_path / "best.pt", kinds[kind], KEYS), [])[0]
    graph, canvas = export.Graph(detector), sizes.open_canvas(detector)
    program = export.trace(graph, canvas, None)
    canvas, run, rows = sizes.traced(canvas, program), program.module(), 0
    for count, size in enumerate((canvas.least, canvas.fit_size(64, 100), canvas.fit_size(200, 70)), 1):
        images = torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8)
        apart = difference(run(images), check.answer(graph, images))
        assert apart.lost == 0 and max(apart.boxes, apart.scores) <= 1e-4, apart
        rows += apart.rows
    assert rows > 5


@pytest.fixture(scope="module")
def points(kinds, tmp_path_factory):
    """Folder of best.pt and best.onnx, of any size, of a detector of points."""
    pytest.importorskip("onnxscript", reason="needs the extra export")
    pytest.importorskip("onnxruntime", reason="needs the extra export")
    path = untrained(tmp_path_factory.mktemp("open") / "best.pt", kinds["points"], KEYS)
    made = export.export(path, size="dynamic")
    assert made.compared.apart.lost == 0 and made.canvas.least == (16, 16) and made.rows is None
    return path.parent


@pytest.mark.slow
def test_axes_have_names_and_the_file_a_description(points):
    model = pytest.importorskip("onnx").load(points / "best.onnx")
    axes = [[side.dim_param or side.dim_value for side in x.type.tensor_type.shape.dim] for x in model.graph.input]
    assert axes == [["batch", 3, "height", "width"]]
    axes = [[side.dim_param or side.dim_value for side in x.type.tensor_type.shape.dim] for x in model.graph.output]
    assert axes == [["batch", "detections", 4], ["batch", "detections"], ["batch", "detections"]]
    assert model.doc_string.startswith(
        "Finds objects of 3 classes: ellipse, rectangle, triangle. A points detector of the CornerNet toolkit."
    )
    assert "the smallest that holds it: height 16 to 8192 in steps of 8" in model.doc_string


@pytest.mark.slow
def test_every_image_has_the_checkpoints_canvas_and_boxes(points):
    exported, own = (Predictor.load(points / f"best.{ending}", "cpu") for ending in ("onnx", "pt"))
    for shape in ((64, 64), (130, 40), (21, 300)):
        image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
        assert exported.detector.fit_size(*shape) == own.detector.fit_size(*shape)
        (found,), (expected,) = exported([image]), own([image])
        assert len(found) == len(expected) > 5 and torch.allclose(found.boxes, expected.boxes, atol=1e-3)
        assert torch.allclose(found.scores, expected.scores, atol=1e-5)


@pytest.mark.slow
def test_evaluation_gives_the_checkpoints_figures_at_every_scale(points, tmp_path):
    figures = []
    for file in ("best.pt", "best.onnx"):
        found = evaluate_checkpoint(points / file, ["test.scales=[0.7,1.0]", "data.val.limit=2"], tmp_path)
        rows = json.loads((tmp_path / "predictions.json").read_text())
        figures.append([found.metrics.AP, found.metrics.AP50, sum(row["score"] for row in rows)])
    assert figures[0] == pytest.approx(figures[1], rel=1e-4) and figures[0][2] > 1


@pytest.mark.slow
def test_the_example_takes_a_file_of_any_size(points, tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (60, 100, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    command = [sys.executable, EXAMPLE, points / "best.onnx", tmp_path / "a.png", tmp_path / "out.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.rsplit(maxsplit=5) for line in done.stdout.splitlines()]
    (found,) = Predictor.load(points / "best.pt", "cpu", ["test.nms.name=hard"])([image])
    assert len(found) == len(rows) > 5
    for box, row in zip(found.boxes, rows, strict=True):
        assert np.allclose([float(x) for x in row[2:]], box, atol=0.02)


def test_the_example_says_how_it_is_called():
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "onnx_example.py MODEL.onnx IMAGE OUT.png" in done.stderr
    assert "Traceback" not in done.stderr


def test_samples_of_open_sizes_hold_the_image_by_itself():
    shown, wanted = np.full((40, 90, 3), 7, np.uint8), SimpleNamespace(batch=None)
    canvas = OpenCanvas((8, 8), (0, 0), (16, 16), (8192, 8192))
    made = export.samples(wanted, canvas, shown, None)
    assert [list(x.shape) for x in made] == [[1, 3, 40, 96], [2, 3, 16, 16], [2, 3, 24, 40]]
    assert (made[0][0, :, :, 3:93] == 7).all()
    (only,) = export.samples(wanted, FixedCanvas((32, 64)), shown, None)
    assert list(only.shape) == [2, 3, 32, 64]
