"""What a region stage is trained on: which box shows which object, and what fills the slots that hold nothing."""

import pytest
import torch

from cornernet.detectors.corner import proposals as module
from cornernet.detectors.corner.proposals import IGNORED, proposals
from cornernet.structures import Detections

CLASSES = 3
OBJECT = [0.0, 0, 10, 10]
FAR = [100.0, 100, 110, 110]


def of(width):
    """A box in the object's corner whose IoU with it is width / 10."""
    return [0.0, 0, width, 10]


def made(found, objects, labels=None, **settings):
    """Boxes found in one image, None for a slot without a pair; objects, None for an empty slot -> Proposals."""
    boxes = torch.tensor([[box or [3.0, 3, 1, 1] for box in found]])
    scores = torch.tensor([[-1.0 if box is None else 0.5 for box in found]])
    rows = Detections(boxes, scores, torch.zeros_like(scores).long(), scores, scores)
    truth, mask = torch.tensor([[box or [0.0] * 4 for box in objects]]), torch.tensor([[bool(o) for o in objects]])
    classes = torch.tensor([labels or [1] * len(objects)])
    return proposals(rows, truth, classes, mask, CLASSES, **settings)


@pytest.mark.parametrize(
    ("width", "settings", "label"),
    [
        (7.0, {}, 1),
        (6.9, {}, 1),  # the object's best box of all
        (5.0, {}, 1),
        (4.9, {}, CLASSES),
        (6.9, {"least_iou": 0.7}, CLASSES),
        (4.9, {"positive_iou": 0.4}, 1),
    ],
)
def test_a_box_is_of_the_object_that_it_overlaps_enough(width, settings, label):
    found = made([of(width)], [OBJECT], **settings)
    assert found.labels.tolist() == [[label, 1]] and found.given.tolist() == [[False, True]]
    assert found.quality[0].tolist() == pytest.approx([width / 10 if label == 1 else 0, 1])


def test_the_best_box_alone_may_overlap_less():
    found = made([of(6.0), of(6.5), of(5.0), FAR], [OBJECT])
    assert found.labels[0].tolist() == [CLASSES, 1, CLASSES, CLASSES, 1]
    assert found.quality[0].tolist() == pytest.approx([0, 0.65, 0, 0, 1])


def test_a_box_over_two_objects_is_of_the_one_it_overlaps_most():
    found = made([of(8.0)], [OBJECT, of(7.0)], [0, 2])
    assert found.labels[0].tolist() == [2, 0, 2] and found.quality[0, 0] == pytest.approx(7 / 8)


SPARSE = ([of(9.0), FAR, None, None, None, None], [None, OBJECT, None, None], [0, 2, 0, 1])


def test_a_cpu_has_as_many_slots_as_there_are_boxes():
    found = made(*SPARSE)
    assert found.labels[0].tolist() == [2, CLASSES, 2] and found.boxes[0].tolist() == [of(9.0), FAR, OBJECT]
    assert found.given[0].tolist() == [False, False, True] and found.quality[0].tolist() == pytest.approx([0.9, 0, 1])


def test_empty_slots_repeat_the_boxes_in_turn_and_do_not_count(monkeypatch):
    monkeypatch.setattr(module, "held_slots", lambda counted: counted.shape[1])  # as elsewhere
    found = made(*SPARSE)
    assert found.labels[0].tolist() == [2, CLASSES, 2, *[IGNORED] * 7]
    assert found.boxes[0].tolist() == ([of(9.0), FAR, OBJECT] * 4)[:10]
    assert found.given[0].tolist() == [False, False, True] + [False] * 7
    assert found.quality[0].tolist() == pytest.approx([0.9, 0, 1, *[0] * 7])


@pytest.mark.parametrize(
    ("found", "objects", "labels"),
    [
        ([FAR, None], [None], [CLASSES, IGNORED]),
        ([None, None], [OBJECT], [1, IGNORED]),
        ([None, None], [None], [IGNORED] * 2),
    ],
    ids=["no object", "no pair", "neither"],
)
def test_without_objects_or_pairs(found, objects, labels):
    held = made(found, objects)
    assert held.labels[0].tolist() == labels and held.boxes.isfinite().all()
    shown = [box for box in (*found, *objects) if box]
    assert all(box in shown for box in held.boxes[0].tolist()) or not shown


def test_images_of_a_batch_do_not_mix():
    torch.manual_seed(0)
    corners = torch.rand(2, 7, 2) * 20
    boxes = torch.cat([corners, corners + 5 + 5 * torch.rand(2, 7, 2)], 2)
    scores = torch.where(torch.rand(2, 7) < 0.7, 0.5, -1.0)
    rows = Detections(boxes, scores, torch.zeros(2, 7).long(), scores, scores)
    truth = boxes[:, [2, 5, 0]] + 0.5, torch.tensor([[0, 1, 2], [2, 2, 0]]), torch.tensor([[1, 1, 0], [1, 0, 0]])
    whole = proposals(rows, *truth, CLASSES)
    for image in range(2):
        alone = proposals(Detections(*(x[image : image + 1] for x in rows)), *(x[image : image + 1] for x in truth), 3)
        count = alone.labels.shape[1]  # the fuller image of both needs no repeats, the other one has some
        assert all(torch.equal(a[image, :count], b[0]) for a, b in zip(whole, alone, strict=True))
        assert (whole.labels[image, count:] == IGNORED).all() and not whole.given[image, count:].any()
        more = whole.labels.shape[1] - count
        assert more < count and torch.equal(whole.boxes[image, count:], alone.boxes[0, :more])
