"""What of a set its figures cannot show, in one sentence."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from cornernet import config
from cornernet.cli import check_data as command
from cornernet.data import build_source
from cornernet.evaluation import checkpoint
from cornernet.evaluation.reach import beyond_reach, sentence
from cornernet.training import check_data


@pytest.fixture
def crowded(tmp_path):
    """Writer of a set of two images, one with so many objects -> the overrides that name it."""

    def write(objects=5, crowds=0):
        (tmp_path / "a.json").write_text(json.dumps({
            "images": [{"id": i, "file_name": f"{i}.png", "width": 90, "height": 90} for i in (1, 2)],
            "annotations": [
                {"id": n, "image_id": 2, "category_id": 1, "bbox": [n % 9 * 9, n // 9, 5, 5], "iscrowd": n < crowds}
                for n in range(objects)
            ],
            "categories": [{"id": 1, "name": "cell"}],
        }))  # fmt: skip
        for i in (1, 2):
            cv2.imwrite(str(tmp_path / f"{i}.png"), np.zeros((90, 90, 3), np.uint8))
        parts = (f"data.{split}.{key}" for split in ("train", "val") for key in ("images=.", "annotations=a.json"))
        return ["data.name=coco", f"data.root={tmp_path}", "data.on_error=skip", *parts]

    return write


def said(tiny, *words):
    settings = config.load(tiny, words)
    return [sentence(x) for x in beyond_reach(build_source(settings.data, "val"), settings)]


def test_more_objects_than_detections_are_told_with_image_number_and_keys(tiny, crowded):
    given = crowded(12)
    roomy = "test.max_per_image=12", "test.top_k=12", "test.num_dets=12"
    assert said(tiny, *given, *roomy) == []
    (one,) = said(tiny, *given, *roomy, "test.max_per_image=11")
    assert one == "2.png has 12 objects, more than test.max_per_image=11: raise it, or the rest is missed"
    (one,) = said(tiny, *given, *roomy, "test.max_per_image=20", "test.top_k=9", "test.num_dets=10")
    assert "2.png has 12 objects, more than test.top_k=9 and test.num_dets=10" in one


def test_of_a_region_stage_its_proposals_count(tiny, crowded):
    staged = "model.region.name=centre", "model.region.proposals=7", "test.num_dets=5"
    (one,) = said(tiny, *crowded(12), "test.top_k=12", *staged)
    assert "more than model.region.proposals=7:" in one


@pytest.mark.parametrize("crowds", [0, 3])
def test_a_set_without_objects_is_told(tiny, crowded, crowds):
    (one,) = said(tiny, *crowded(crowds, crowds))
    assert "a.json holds no objects" in one and "best.pt is the latest" in one
    assert ("only 3 crowds" in one) == bool(crowds)


def test_of_a_set_that_lost_its_objects_the_reason_is_told_once(tiny, crowded, tmp_path):
    given, file = crowded(3), tmp_path / "a.json"
    file.write_text(file.read_text().replace('"category_id": 1', '"category_id": 7'))
    (one,) = said(tiny, *given)
    assert "holds no objects; left out: 3 x unknown category, the first: annotation 0 of 2.png" in one
    rows = check_data.report(tiny, given).rows
    assert [x.kind for split, x in rows if split == "val" and "object" in x.kind] == ["set without objects"]


def test_check_data_lists_both(tiny, crowded):
    lines = command.text(check_data.report(tiny, [*crowded(12), "test.max_per_image=11"])).splitlines()
    row = next(x for x in lines if x.startswith("val") and "more objects than detections" in x)
    assert "2.png has 12 objects, more than test.max_per_image=11" in row
    assert "set without objects" in command.text(check_data.report(tiny, crowded(0)))


def test_evaluate_tells_of_images_of_another_depth(tiny, crowded, tmp_path, monkeypatch, caplog):
    given = crowded(3)
    for i in (1, 2):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.arange(90 * 90, dtype=np.uint16).reshape(90, 90) // 2)
    loaded = SimpleNamespace(settings=config.load(tiny, given), category_ids=[1], class_names=["cell"], detector=None)
    monkeypatch.setattr(checkpoint.Predictor, "load", lambda *_, **__: loaded)
    monkeypatch.setattr(checkpoint.evaluate, "evaluate", lambda *_, **__: None)
    monkeypatch.setattr(checkpoint, "known", lambda *_: "AP")
    checkpoint.evaluate_checkpoint(tmp_path / "best.pt")
    assert [x for x in caplog.messages if "1.png holds values from 0 to 4049" in x and "data.bit_depth=12" in x]
