"""COCO json -> data set -> assigned anchors -> deltas -> decoder: every object that has an anchor comes back."""

from functools import partial

import numpy as np
import pytest
import torch

from cornernet.data import read
from cornernet.detectors.anchor import assign, coding
from cornernet.detectors.anchor.anchors import cell_anchors, grid_anchors
from cornernet.detectors.anchor.decode import decode
from cornernet.structures import AnchorMaps

STRIDES = [8, 16, 32, 64, 128]
CELLS = torch.stack([cell_anchors(4 * s, [1.0, 1.2599, 1.5874], [0.5, 1.0, 2.0]) for s in STRIDES])
SETS = {
    "bccd": ("bccd/annotations/val.json", "bccd/images"),
    "coco_mini": ("coco_mini/annotations/instances_train2017.json", "coco_mini/images/train2017"),
}
LEFT = {  # objects of every fourth image and of all whose anchors all went to others, or that have none
    ("bccd", "max_iou"): (0, 0), ("bccd", "atss"): (0, 0),
    ("coco_mini", "max_iou"): (0, 23), ("coco_mini", "atss"): (1, 31),
}  # fmt: skip


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("rule", ["max_iou", "atss"])
@pytest.mark.parametrize("name", SETS)
def test_every_box_with_an_anchor_comes_back(shared, name, rule, every):
    annotations, images = SETS[name]
    source = read(shared / "data" / annotations, shared / "data" / images)
    classes, left = len(source.class_names), 0
    for i in range(0, len(source), every):
        boxes, labels = torch.as_tensor(source.boxes(i)).view(1, -1, 4), torch.as_tensor(source.labels(i))[None]
        if not boxes.numel():
            continue
        record = source.record(i)
        sizes = [(-(-record.height // s), -(-record.width // s)) for s in STRIDES]
        anchors = grid_anchors(sizes, STRIDES, CELLS)
        assigner = assign.max_iou if rule == "max_iou" else partial(assign.atss, levels=[len(a) for a in anchors])
        goal = assigner(torch.cat(anchors), boxes, labels, torch.ones_like(labels, dtype=torch.bool), classes)
        positive = goal.positive[0]
        logits = torch.full((1, len(positive), classes), -20.0)
        logits[0, positive, goal.labels[0, positive]] = 20.0
        deltas = torch.zeros(1, len(positive), 4)
        deltas[0, positive] = coding.encode(goal.boxes[0, positive], torch.cat(anchors)[positive])
        found = decode(AnchorMaps(logits, deltas, sizes), anchors, top_k=5000, num_dets=20000)
        sure = found.scores[0] > 0.5
        off = (found.boxes[0, sure][None] - boxes[0][:, None]).abs().amax(-1)
        off = off.where(found.labels[0, sure] == labels[0][:, None], torch.inf).amin(1).numpy()
        has = np.array([((goal.boxes[0] == box).all(1) & positive).any() for box in boxes[0]])
        assert off[has].max(initial=0) <= 1e-3, record
        assert int(sure.sum()) == int(positive.sum())
        left += int((~has).sum())
    assert left == LEFT[name, rule][every == 1]
