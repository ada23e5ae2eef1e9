"""Matching as COCO does it, and the reasons that all detectors share, provoked one at a time."""

import numpy as np
import pytest
import torch

from cornernet.config import Nms
from cornernet.evaluation.diagnosis.missed import REASONS, Answer, match, reasons
from cornernet.prediction import after_nms, best
from cornernet.structures import Detections, ImageDetections

BOX = (10.0, 10, 50, 50)
SHIFTED = (13.0, 10, 53, 50)  # IoU 0.86 with it
ASKED = "asked the detector"


def rows(*entries):
    """(box, score, label) -> Detections, best first."""
    boxes, scores, labels = zip(*sorted(entries, key=lambda x: -x[1]), strict=True) if entries else ((), (), ())
    scores = torch.tensor(scores, dtype=torch.float32)
    return Detections(torch.tensor(boxes).view(-1, 4), scores, torch.tensor(labels).long(), scores, scores)


def answer(*entries, max_per_image=100, **nms):
    found = rows(*entries)
    kept = after_nms(found, Nms(**{"name": "hard", **nms}))
    return Answer(found, kept, best(kept.boxes, kept.scores, found.labels[kept.index], max_per_image))


def why(objects, found, min_score=0.3):
    boxes, labels = zip(*objects, strict=True)
    boxes, labels = torch.tensor(boxes), torch.tensor(labels)
    return reasons(boxes, labels, found, min_score, lambda m, iou, score: f"{ASKED} {m} {iou} {score}")


ONE = [(BOX, 0)]
CASES = {  # objects, what was found, reason of the last object
    "found": (ONE, answer((SHIFTED, 0.3, 0)), ""),
    "nothing": (ONE, answer(), ASKED),
    "elsewhere": (ONE, answer(((40.0, 10, 80, 50), 0.9, 0)), ASKED),
    "weak": (ONE, answer((BOX, 0.2, 0)), ASKED),
    "class": (ONE, answer((SHIFTED, 0.9, 1)), "class"),
    "class, though a weak row is right": (ONE, answer((SHIFTED, 0.9, 1), (BOX, 0.2, 0)), "class"),
    "another object's detection": ([(SHIFTED, 1), (BOX, 0)], answer((SHIFTED, 0.9, 1)), ASKED),
    "weak one of another class": (ONE, answer((SHIFTED, 0.2, 1)), ASKED),
    "nms": (
        [((24.0, 10, 64, 50), 0), (BOX, 0)],
        answer(((24.0, 10, 64, 50), 0.9, 0), ((3.0, 10, 43, 50), 0.8, 0), iou=0.3),
        "nms",
    ),
    "soft nms": (
        [((18.0, 10, 58, 50), 0), (BOX, 0)],
        answer(((25.0, 10, 65, 50), 0.9, 0), ((12.0, 10, 52, 50), 0.4, 0), name="soft_gaussian", sigma=0.1),
        "nms",
    ),
    "dropped by nms.min_score": (ONE, answer((BOX, 0.4, 0), name="none", min_score=0.5), "nms"),
    "max_per_image": (ONE, answer((BOX, 0.4, 0), ((60.0, 60, 90, 90), 0.9, 1), max_per_image=1), "max_per_image"),
    "claimed": ([(SHIFTED, 0), (BOX, 0)], answer((SHIFTED, 0.9, 0)), "claimed"),
    "claimed before class": ([(SHIFTED, 0), (BOX, 0)], answer((SHIFTED, 0.9, 0), (BOX, 0.8, 1)), "claimed"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_object_has_one_reason(case):
    objects, found, reason = CASES[case]
    got = why(objects, found)[-1]
    assert got == (f"{ASKED} {len(objects) - 1} 0.5 0.3" if reason == ASKED else reason)


def test_the_table_provokes_every_shared_reason():
    assert {*REASONS} - {reason for *_, reason in CASES.values()} == {"unreadable"}  # that one needs a file


def test_without_objects_there_is_nothing_to_explain():
    found = answer((BOX, 0.9, 0))
    assert reasons(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), found, 0.3, None) == []
    assert match(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), found.found).tolist() == [-1]


def coco_matches(boxes, labels, found, iou):
    """What COCOeval matches: the object of each detection, -1 for none."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def dataset(boxes, labels, scores):
        items = [
            {"id": i + 1, "image_id": 1, "category_id": int(label), "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0,
             "area": (x2 - x1) * (y2 - y1), "score": score}
            for i, ((x1, y1, x2, y2), label, score) in enumerate(zip(boxes.tolist(), labels, scores, strict=True))
        ]  # fmt: skip
        coco = COCO()
        coco.dataset = {"info": {}, "images": [{"id": 1}], "categories": [{"id": 0}, {"id": 1}], "annotations": items}
        coco.createIndex()
        return coco

    truth = dataset(boxes, labels, [1.0] * len(boxes))
    results = dataset(found.boxes, found.labels, found.scores.tolist())
    run = COCOeval(truth, results, "bbox")
    run.params.iouThrs, run.params.areaRng, run.params.areaRngLbl = np.array([iou]), [[0, 1e10]], ["all"]
    run.evaluate()
    objects = [-1] * len(found.scores)
    for each in run.evalImgs:
        for detection, matched in zip(each["dtIds"], each["dtMatches"][0], strict=True) if each else ():
            objects[detection - 1] = int(matched) - 1
    return objects


def test_of_equally_good_objects_coco_takes_the_last(capsys):
    boxes, labels = torch.tensor([BOX, BOX, BOX]), torch.zeros(3, dtype=torch.long)
    found = answer((BOX, 0.9, 0), (SHIFTED, 0.8, 0)).rows
    found = ImageDetections(found.boxes, found.scores, found.labels)
    assert match(boxes, labels, found).tolist() == coco_matches(boxes, [0, 0, 0], found, 0.5) == [2, 1]


@pytest.mark.parametrize("iou", [0.1, 0.5, 0.8])
def test_matching_is_that_of_coco(iou, capsys):
    rng = np.random.default_rng(int(iou * 10))
    for _ in range(20):
        count = rng.integers(1, 8)
        corner = rng.integers(0, 40, (count, 2))  # whole pixels: ties are common
        boxes = torch.from_numpy(np.concatenate([corner, corner + rng.integers(10, 40, (count, 2))], 1)).float()
        labels = torch.from_numpy(rng.integers(0, 2, count))
        which = rng.integers(0, count, 12)
        moved = boxes[which] + torch.from_numpy(rng.integers(-6, 7, (12, 4))).float()
        moved[:, 2:] = torch.maximum(moved[:, 2:], moved[:, :2] + 1)
        scores = torch.from_numpy(np.sort(rng.random(12))[::-1].copy())
        found = ImageDetections(moved, scores, labels[which])
        assert match(boxes, labels, found, iou).tolist() == coco_matches(boxes, labels.tolist(), found, iou)
