"""Predicted boxes under their true class, and the class that an object is found under, by hand."""

import torch

from cornernet.evaluation.diagnosis.classes import called, true_classes
from cornernet.structures import Detections, ImageDetections

BOXES, LABELS = torch.tensor([[0.0, 0, 10, 10], [50, 0, 60, 10]]), torch.tensor([0, 1])


def rows(*given):
    """Rows (box, label, score) of one image."""
    boxes, labels, scores = (torch.tensor(x) for x in zip(*given, strict=True))
    return Detections(boxes.float(), scores, labels, scores, scores)


def left(found):
    return [(box, label, round(score, 6)) for box, label, score in zip(*(x.tolist() for x in (
        found.boxes, found.labels, found.scores)), strict=True)]  # fmt: skip


def test_a_box_takes_the_class_of_the_object_that_it_overlaps_most_and_keeps_its_score():
    given = rows(
        ([0, 0, 10, 9], 1, 0.9), ([50, 0, 60, 10], 2, 0.4), ([54, 0, 62, 10], 2, 0.3), ([20, 0, 30, 9], 2, 0.8)
    )
    assert [(label, score) for _, label, score in left(true_classes(given, BOXES, LABELS))] == [
        (0, 0.9), (1, 0.4), (1, 0.3), (2, 0.8),
    ]  # fmt: skip
    assert left(true_classes(given, BOXES.flip(0), LABELS.flip(0))) == left(true_classes(given, BOXES, LABELS))


def test_one_box_under_several_names_is_left_once_under_the_true_one():
    best = ([0, 0, 10, 9], 2, 0.9)
    given = rows(([0, 0, 10, 10], 0, 0.5), best, ([0, 0, 10, 9.5], 1, 0.9), ([0, 1, 10, 10], 2, 0.2))
    found = left(true_classes(given, BOXES, LABELS))
    assert [(label, score) for _, label, score in found] == [(0, 0.9), (0, 0.2)]  # the last is a double of its own
    assert found[0][0] == best[0]


def test_a_box_apart_is_another_box():
    given = rows(([0, 0, 10, 6], 1, 0.9), ([0, 4, 10, 10], 2, 0.5))
    assert len(left(true_classes(given, BOXES, LABELS))) == 2


def test_names_of_what_shows_no_object_all_stay():
    given = rows(([80, 0, 90, 10], 0, 0.9), ([80, 0, 90, 10], 1, 0.8))
    assert left(true_classes(given, BOXES, LABELS)) == left(given)
    assert left(true_classes(given, BOXES[:0], LABELS[:0])) == left(given)
    none = Detections(*(x[:0] for x in given))
    assert left(true_classes(none, BOXES, LABELS)) == []


def test_an_object_is_called_as_the_best_detection_on_it_is():
    found = ImageDetections(BOXES[[0, 0, 1]], torch.tensor([0.9, 0.8, 0.7]), torch.tensor([2, 0, 1]))
    assert called(BOXES, LABELS, found) == [2, 1]
    assert called(BOXES, LABELS, ImageDetections(*(x[:2] for x in found))) == [2, None]
    assert called(BOXES[:0], LABELS[:0], found) == []
