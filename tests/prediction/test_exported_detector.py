"""An exported .onnx in place of a checkpoint: the same boxes, and a sentence for what it cannot do."""

import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from cornernet import Predictor
from cornernet.checkpoints import checkpoint
from cornernet.evaluation.checkpoint import evaluate_checkpoint
from cornernet.evaluation.diagnosis.run import diagnose_checkpoint
from cornernet.prediction import FixedCanvas, exported_detector, fit
from cornernet.prediction.annotate import annotate
from cornernet.prediction.exported_detector import ExportedDetector
from tests.conftest import DETECTORS

onnx = pytest.importorskip("onnx", reason="needs the extra export")
pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("onnxscript", reason="needs the extra export")
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", DETECTORS)
def test_evaluation_gives_the_checkpoints_figures(exports, tmp_path, name):
    figures = []
    for file in ("best.pt", "best.onnx"):
        found = evaluate_checkpoint(exports[name] / file, ["test.flip=true", "data.val.limit=2"], tmp_path)
        assert 0 <= found.metrics.AP <= 1 and found.folder == tmp_path and found.report is None
        figures.append(json.loads((tmp_path / "metrics.json").read_text()))
        rows = json.loads((tmp_path / "predictions.json").read_text())
        figures[-1]["scores"] = sum(row["score"] for row in rows)
        assert len(rows) > 20
    for key in ("AP", "AP50", "scores"):
        assert figures[0][key] == pytest.approx(figures[1][key], rel=1e-4)


@pytest.mark.parametrize("name", DETECTORS)
def test_images_of_any_size_are_predicted_larger_ones_shrunk(exports, name):
    found = Predictor.load(exports[name] / "best.onnx")
    assert found.class_names == ["ellipse", "rectangle", "triangle"] and found.category_ids == [1, 2, 3]
    rng = np.random.default_rng(0)
    for shape in ((64, 64), (130, 40), (20, 30), (64, 200)):
        image = rng.integers(0, 256, (*shape, 3), np.uint8)
        own = Predictor.load(exports[name] / "best.pt", "cpu")
        own.detector.fit_size = FixedCanvas((64, 64)).fit_size
        (expected,), (got,) = own([image]), found([image])
        assert len(got.scores) == len(expected.scores) > 5
        assert torch.allclose(got.scores, expected.scores, atol=1e-5)
        assert (got.boxes >= 0).all() and (got.boxes <= torch.tensor([shape[1], shape[0]] * 2)).all()


def test_a_larger_image_fills_the_canvas():
    image = np.full((100, 300, 3), 9, np.uint8)
    fitted = fit(FixedCanvas((64, 96)), image)
    assert fitted.canvas.shape == (64, 96, 3) and fitted.pad == (0, 16) and (fitted.canvas[16:48] == 9).all()
    assert fitted.factor == pytest.approx((0.32, 0.32))
    small = fit(FixedCanvas((64, 96)), image, scale=0.1)
    assert small.factor == pytest.approx((0.1, 0.1))


def test_int8_is_predicted_and_drawn(exports, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(1).integers(0, 256, (80, 90, 3), np.uint8))
    written = annotate(str(exports["anchor"] / "best.int8.onnx"), str(tmp_path / "a.png"), out=tmp_path / "out")
    assert (written.count, written.skipped, written.folder) == (1, 0, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "predictions.json").read_text())


def test_a_fixed_batch_is_filled_up():
    seen = []

    def run(images):
        seen.append(images.clone())
        marks = images[:, 0, 0, :1].float()
        return marks[..., None].expand(-1, 1, 4), marks, marks.long()

    images = torch.arange(1, 6, dtype=torch.uint8)[:, None, None, None].expand(5, 3, 2, 2)
    found = ExportedDetector(run, FixedCanvas((2, 2)), 2).predict(images)
    assert [len(x) for x in seen] == [2, 2, 2] and not seen[2][1].any()
    assert found.scores.flatten().tolist() == [1, 2, 3, 4, 5] and found.boxes.shape == (5, 1, 4)
    assert ExportedDetector(run, FixedCanvas((2, 2)), None).predict(images).labels.flatten().tolist() == [1, 2, 3, 4, 5]
    assert len(seen[3]) == 5


# -- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "test.top_k=7",
            r"test\.top_k: 60 -> 7: test\.top_k is part of .*best\.onnx, export the checkpoint",
        ),
        ("data.input_size=[32,32]", r"data\.input_size is part of"),
        ("model.min_overlap=0.5", r"model\.min_overlap is part of"),
        ("test.kernel=5", r"test\.kernel is part of"),
        ("test.precision=bf16", r"computes as it was written, with precision=fp32, fp16 or int8 of export"),
        (
            "test.nms.name=merge",
            r"test\.nms\.name=merge averages boxes by the scores of their corners, which .* does not",
        ),
        ("test.scales=[1,9]", r"test\.scales=\[1\.0, 9\.0\] does not fit .*best\.onnx.*leave scales above 1 out"),
        ("test.topk=3", r"did you mean test\.top_k"),
        ("test.batch_size=0", r"test\.batch_size must be at least 1"),
    ],
)
def test_settings_that_are_part_of_the_graph_are_refused(exports, text, message):
    with pytest.raises(ValueError, match=message):
        Predictor.load(exports["corner"] / "best.onnx", overrides=[text])


def test_what_comes_after_the_graph_can_be_set(exports):
    given = ["test.nms.iou=0.3", "test.flip=true", "test.scales=[0.5]", "data.longest_side=60", "test.top_k=60"]
    settings = Predictor.load(exports["corner"] / "best.onnx", overrides=given).settings
    assert settings.test.nms.iou == 0.3 and settings.data.longest_side == 60 and settings.test.scales == [0.5]


def test_an_exported_file_predicts_by_slices(exports):
    """Tiles of its canvas give what the checkpoint gives by tiles; the batch of the graph is no matter."""
    image = np.random.default_rng(0).integers(0, 256, (64, 150, 3), np.uint8)
    slices = ["test.slices={size: 64, whole: false}", "test.batch_size=3"]
    exported, own = (Predictor.load(exports["anchor"] / f"best.{x}", "cpu", slices)([image])[0] for x in ("onnx", "pt"))
    assert len(exported) == len(own) > 5 and exported.boxes[:, 2].max() > 128
    assert torch.allclose(exported.scores, own.scores, atol=1e-5)


def test_files_that_are_none_are_refused(exports, tmp_path, monkeypatch):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"broken\.onnx is damaged or was not exported by this toolkit \("):
        exported_detector.load(broken)
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.onnx"):
        exported_detector.load(tmp_path / "none.onnx")
    old = onnx.load(exports["anchor"] / "best.onnx")
    kept = [item for item in old.metadata_props if item.key != "config"]
    del old.metadata_props[:]
    old.metadata_props.extend(kept)
    onnx.save(old, broken)
    with pytest.raises(ValueError, match="does not hold its config, as files do that are exported now: export"):
        exported_detector.load(broken)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ValueError, match=r"best\.onnx needs onnxruntime: pip install"):
        exported_detector.load(exports["anchor"] / "best.onnx")


def test_a_file_longer_than_any_is_not_read(tmp_path):
    with (tmp_path / "a.onnx").open("wb") as file:
        file.truncate(100 * 2**30)
    with pytest.raises(ValueError, match=r"a\.onnx is no exported file: it holds \d+ bytes, at most 2147483648 are"):
        exported_detector.load(tmp_path / "a.onnx")


def test_what_needs_a_network_says_so(exports):
    path = str(exports["corner"] / "best.onnx")
    with pytest.raises(ValueError, match=r"best\.onnx is an exported file, and a diagnosis needs the checkpoint"):
        diagnose_checkpoint(path)
    for name in ("best.onnx", "best.pt2"):
        (exports["corner"] / "best.pt2").touch()
        with pytest.raises(ValueError, match=f"{name} is an exported file, which is not enough here: give the checkp"):
            checkpoint.load(exports["corner"] / name)
    with pytest.raises(ValueError, match=r"runs on the CPU, as exported files do: device must be auto or cpu, got"):
        Predictor.load(path, "cuda")


@pytest.mark.slow
def test_the_tool_takes_it(exports, tmp_path):
    command = [sys.executable, ROOT / "tools" / "evaluate.py", exports["corner"] / "best.int8.onnx", f"out={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "AP " in done.stdout, done.stderr
    done = subprocess.run([*command, "test.top_k=1"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: test.top_k") and done.stderr.count("\n") == 1


# -- what a file says of itself ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("config", "[" * 10**5 + "]" * 10**5),
        ("config", '{"a": ' * 500 + "1" + "}" * 500),
        ("config", json.dumps({"loss": {"box": {"args": {"x": list(range(10**5))}}}})),
        ("config", json.dumps({"work_dir": "x" * 10**5})),
        ("names", json.dumps(["x" * (2**20 + 1)] * 3)),
        ("names", "[[], {}, 1]"),
        ("category_ids", '["1", "2", "3"]'),
        ("category_ids", "[1]"),
        ("input_size", "[1000000, 1000000]"),
        ("input_size", "[1e9, 64]"),
        ("input_size", "[0, 64]"),
        ("input_size", "null"),
        ("batch", "1000000000"),
        ("batch", '"many"'),
    ],
)
def test_metadata_that_ask_for_too_much_are_a_sentence(exports, tmp_path, key, text):
    made = onnx.load(exports["anchor"] / "best.onnx")
    next(item for item in made.metadata_props if item.key == key).value = text
    onnx.save(made, tmp_path / "x.onnx")
    start = time.process_time()
    with pytest.raises(ValueError, match=r"is damaged|the saved config") as error:
        exported_detector.load(tmp_path / "x.onnx")
    assert time.process_time() - start < 5 and len(str(error.value)) < 700 and "\n" not in str(error.value)


def test_the_runtime_prints_no_names_of_a_graph(exports, tmp_path, capfd):
    made, name = onnx.load(exports["anchor"] / "best.onnx"), "x\x1b[31m"
    made.graph.initializer.append(onnx.helper.make_tensor(name, 1, [1], [1.0]))
    made.graph.input.append(onnx.helper.make_tensor_value_info(name, 1, [1]))  # of which onnxruntime would warn
    onnx.save(made, tmp_path / "x.onnx")
    exported_detector.load(tmp_path / "x.onnx")
    assert capfd.readouterr().err == ""


def test_a_config_inside_a_file_is_held_to_its_limits(exports, tmp_path):
    made = onnx.load(exports["anchor"] / "best.onnx")
    item = next(item for item in made.metadata_props if item.key == "config")
    held = json.loads(item.value)
    held["data"]["longest_side"] = 10**9
    item.value = json.dumps(held)
    onnx.save(made, tmp_path / "x.onnx")
    with pytest.raises(ValueError, match=r"config has data\.longest_side=1000000000, at most 8192 is allowed"):
        exported_detector.load(tmp_path / "x.onnx")
