"""Wrong labels are planted as said, and findings of them are counted as right, each but once."""

from collections import Counter

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from benchmarks.audit import judged
from benchmarks.planting import plant
from cornernet.data import ShapesSet
from cornernet.evaluation.audit import Finding

CONTENT = ShapesSet("train", 120, 64).coco()
OBJECTS = len(CONTENT["annotations"])


@pytest.fixture(scope="module")
def planted():
    return plant(CONTENT, np.random.default_rng(0))


def xyxy(bbox):
    x, y, width, height = bbox
    return (x, y, x + width, y + height)


def finding(defect, box=None, kind=None):
    found = xyxy(box or defect.bbox)
    missing = defect.kind == "missing"
    boxes = (None, found) if missing else (found, None)
    return Finding(kind or defect.kind, 0.9, 0, defect.image_id, "x.png", None if missing else 0, *boxes)


def test_as_many_are_planted_as_said_each_in_another_object(planted):
    content, defects = planted
    counts = Counter(x.kind for x in defects)
    assert counts == {
        kind: round(share * OBJECTS)
        for kind, share in {"missing": 0.05, "box": 0.03, "class": 0.03, "doubled": 0.01, "spurious": 0.01}.items()
    }
    touched = [(x.image_id, *x.true_bbox) for x in defects]
    assert len(set(touched)) == len(touched)
    new = counts["doubled"] + counts["spurious"]
    assert len(content["annotations"]) == OBJECTS - counts["missing"] + new
    assert [x["id"] for x in content["annotations"]] == list(range(1, len(content["annotations"]) + 1))


def test_what_is_planted_is_what_it_is_called(planted):
    content, defects = planted
    now = {(x["image_id"], *x["bbox"]): x["category_id"] for x in content["annotations"]}
    before = {(x["image_id"], *x["bbox"]): x["category_id"] for x in CONTENT["annotations"]}
    assert sum(before.get(key) == label for key, label in now.items()) == OBJECTS - sum(
        x.kind in ("missing", "box", "class") for x in defects
    )
    for x in defects:
        key, true = (x.image_id, *x.bbox), (x.image_id, *x.true_bbox)
        assert (true in now) == (x.kind in ("class", "doubled", "spurious"))
        assert x.kind == "missing" or (key in now)
        assert (now.get(key) != before[true]) == (x.kind in ("missing", "class"))
        overlap = box_iou(torch.tensor([xyxy(x.bbox)]), torch.tensor([xyxy(x.true_bbox)])).item()
        low, high = {"box": (0.3, 0.75), "doubled": (0.75, 1), "spurious": (0, 1)}.get(x.kind, (0.999, 1))
        assert low <= overlap <= high + 1e-6, x
        assert min(x.bbox) >= 0 and max(xyxy(x.bbox)) <= 64


def test_a_finding_of_everything_that_was_planted_is_right(planted):
    _, defects = planted
    counts = judged([finding(x) for x in defects], defects)
    assert all(found == right for found, right in counts.values()) and counts["any"] == (len(defects), len(defects))


def test_a_finding_counts_once_and_for_its_kind(planted):
    _, defects = planted
    box = next(x for x in defects if x.kind == "box")
    missing = next(x for x in defects if x.kind == "missing")
    x, y, width, height = missing.bbox
    off = [x + 0.8 * width, y, width, height]
    found = [finding(box), finding(box), finding(box, kind="spurious"), finding(missing, off), finding(missing)]
    counts = judged(found, [box, missing])
    assert counts == {"box": (2, 1), "missing": (2, 1), "any": (4, 2)}
    assert judged([finding(box, kind="class")], [box, missing._replace(kind="class")])["any"] == (1, 1)
    assert judged([finding(box)._replace(image_id=-1)], defects)["any"] == (1, 0)
