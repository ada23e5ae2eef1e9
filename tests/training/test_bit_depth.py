"""The depth that a training decides on is what its checkpoint predicts, evaluates, exports and goes on with."""

import json

import cv2
import numpy as np
import pytest
from accelerate.state import AcceleratorState

from cornernet import Predictor, config, drawing
from cornernet.data import build_source, build_sources
from cornernet.export.export import metadata
from cornernet.export.plan import Plan
from cornernet.prediction import FixedCanvas, inputs
from cornernet.training import engine
from cornernet.training.resuming import depth_before


@pytest.fixture
def deep(tmp_path):
    """Overrides for a set of four images of 12 bits in TIFFs."""
    rng = np.random.default_rng(0)
    for i in range(4):
        image = cv2.resize(rng.integers(0, 4096, (8, 8), np.uint16), (64, 64), interpolation=cv2.INTER_NEAREST)
        (tmp_path / f"{i}.tiff").write_bytes(cv2.imencode(".tiff", image)[1].tobytes())
    boxes = [{"image_id": i, "category_id": 1, "bbox": [8, 8, 24, 24]} for i in range(4)]
    records = [{"id": i, "file_name": f"{i}.tiff", "width": 64, "height": 64} for i in range(4)]
    content = {"images": records, "annotations": boxes, "categories": [{"id": 1, "name": "cell"}]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    return ["data.name=coco", f"data.root={tmp_path}", "data.train.annotations=a.json", "data.val.annotations=a.json",
            "train.steps=1", "train.val_loss_images=0", f"work_dir={tmp_path / 'run'}"]  # fmt: skip


def test_a_run_keeps_its_depth(tiny, deep, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "curves", lambda folder, *texts: None)
    AcceleratorState._reset_state(reset_partial_state=True)
    engine.train(config.load(tiny, deep))
    AcceleratorState._reset_state(reset_partial_state=True)
    assert depth_before(tmp_path / "run", "auto") == 12
    (tmp_path / "run" / "config.yaml").unlink()
    assert depth_before(tmp_path / "run", str(tmp_path / "run" / "last.pt")) == 12
    predictor = Predictor.load(tmp_path / "run" / "last.pt", "cpu")
    settings, names = predictor.settings, predictor.class_names
    source = build_source(settings.data, "val", predictor.category_ids, names)
    for i in range(4):
        path = tmp_path / f"{i}.tiff"
        ((_, seen),) = inputs.read(path, "bgr", None, settings.data.bit_depth)
        (found,) = predictor(path)
        assert (seen == source.image(i)).all() and (found.pixels() == seen).all() and seen.max() > 200
    held = {"step": 1, "class_names": names, "category_ids": predictor.category_ids}
    about = metadata(
        settings, held, FixedCanvas((64, 64)), Plan("onnx", path, 1, None, None, "fp32", 0, None), [], "last.pt"
    )
    assert about["bit_depth"] == about["config"]["data"]["bit_depth"] == 12


def test_the_sources_of_a_run_have_the_depth_of_training(tiny, deep, tmp_path):
    data = config.load(tiny, deep).data
    assert [s.bit_depth for s in build_sources(data)] == [12, 12]
    assert [s.bit_depth for s in build_sources(data, run=tmp_path)] == ["auto", "auto"]  # decided when it began
    split = config.load(tiny, [*deep, "data.val.annotations=''", "data.val.split=0.5", "data.bit_depth=14"]).data
    assert [s.bit_depth for s in build_sources(split)] == [14, 14]


def test_other_depths_are_refused(tiny):
    with pytest.raises(ValueError, match=r"data\.bit_depth"):
        config.load(tiny, ["data.bit_depth=13"])
    assert config.load(tiny, ["data.bit_depth=12"]).data.bit_depth == 12
