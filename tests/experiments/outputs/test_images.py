"""The images on which two members differ most."""

import numpy as np
import pytest

from cornernet.evaluation.best_f1 import NONE
from cornernet.experiments.outputs import images, panels

OK, NO = True, False


def test_f1_of_an_image_by_hand(hand):
    """Scores 0.9 to 0.5; kept from the last hit on, where F1 of all is 2 * 3 / (4 + 4) = 0.75."""
    found = hand.found([[OK, OK, NO], [OK, NO]])  # two objects each
    assert images.least(found) == pytest.approx(0.55, abs=1e-3)
    assert images.f1(found) == pytest.approx({"<b>0.png": 4 / 5, "<b>1.png": 2 / 3})


def test_nothing_right_keeps_nothing(hand):
    found = hand.found([[NO], []], objects=[[1], [0]][0])
    assert images.least(found) > 1 and NONE == -1
    empty = found._replace(objects=np.array([[0, 1, 0], [0, 0, 0]]))
    assert images.f1(empty) == {"<b>0.png": 0.0, "<b>1.png": 1.0}


def test_the_largest_differences_come_first_and_are_means_over_the_seeds_of_both(hand):
    full, half, none = [OK, OK], [OK], []
    a = {1: hand.found([full, half, full, none]), 2: hand.found([full, half, full, none]), 9: hand.found([none] * 4)}
    b = {2: hand.found([full, full, half, none]), 1: hand.found([full, full, none, full])}
    found = images.apart(a, b)
    assert found.seeds == [1, 2]
    assert [(x.name, x.first, x.second) for x in found.worse] == [("<b>2.png", 1.0, pytest.approx((2 / 3 + 0) / 2))]
    assert [x.name for x in found.better] == ["<b>3.png", "<b>1.png"] and found.counts == (2, 1, 1)
    assert [x.name for x in images.apart(a, b, 1).better] == ["<b>3.png"]
    assert images.apart(a, {3: b[1]}) is None and images.apart({}, b) is None


def test_images_that_one_lacks_are_left_out(hand):
    a = hand.found([[OK], [OK], [OK]])
    b = hand.found([[], [OK]])
    found = images.apart({1: a}, {1: b})
    assert sum(found.counts) == 2 and [x.name for x in found.worse] == ["<b>0.png"]
    other = b._replace(images=np.array(["x", "y"]))
    assert images.apart({1: a}, {1: other}) is None


def test_drawings_have_three_panels_and_what_hinders_is_named(hand):
    names = [f"<b>{i}.png" for i in range(4)]
    source = hand.Images(names[:3], broken=(names[1],))
    sides = [("first", hand.found([[OK], [OK], [NO], [NO]])), ("second", hand.found([[NO], [OK], [OK], [NO]]))]
    drawn, hindered = panels.draw(lambda: source, sides, names)
    assert list(drawn) == [names[0], names[2]] and source.reads == names[:3]
    assert hindered == [f"{names[1]} is cut short", f"the set has no image {names[3]}"]
    for drawing in drawn.values():
        assert drawing.shape[1] == 3 * panels.SIDE + 8 and drawing.dtype == np.uint8
        truth, first, second = (drawing[:, k * (panels.SIDE + 4) :][:, : panels.SIDE] for k in range(3))
        assert (truth != first).any() and (first != second).any()


def test_wrong_detections_are_marked_and_colours_are_those_of_the_class(hand, monkeypatch):
    seen = []
    monkeypatch.setattr(panels, "judged", lambda image, *drawn: seen.append(drawn) or image)
    other = hand.found([[NO, OK]])._replace(classes=np.array(["a|b", "new", "x"]))  # "new" is its second class
    panels.draw(lambda: hand.Images(["<b>0.png"]), [("first", hand.found([[OK, NO]])), ("second", other)], ["<b>0.png"])
    (_, truth, _, names, _), (boxes, labels, _, _, right), (_, others, _, _, wrong) = seen
    assert names == [*hand.CLASSES, "new", "x"] and [names[k] for k in truth] == ["a|b"]
    assert [names[k] for k in labels] == ["a|b"] and [names[k] for k in others] == ["new", "new"]
    assert [list(x) for x in right] == [[True], [False]] and [list(x) for x in wrong] == [[False, True], [True, False]]
    np.testing.assert_allclose(boxes[0], np.array([5, 5, 40, 30]) * 3)  # 120 pixels are drawn as 360


def test_a_set_that_is_not_here_is_said():
    def gone():
        raise FileNotFoundError("there is no folder val")

    assert panels.draw(gone, [], ["a"]) == ({}, ["there is no folder val"])
