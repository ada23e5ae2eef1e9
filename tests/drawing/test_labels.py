"""Where names stand, which are left out, how thick lines are, and the switches for both."""

import numpy as np
import pytest

from cornernet.drawing import Style, colour, draw, judged, placed


def grey(height, width):
    return np.full((height, width, 3), 128, np.uint8)


def put(sizes, boxes, shape=(100, 200), every=False):
    return placed(sizes, np.array(boxes), shape, every)


def test_above_then_below_then_inside_then_to_the_right():
    assert put([(40, 10)], [[20, 30, 59, 79]]) == [(20, 20)]
    assert put([(40, 10)], [[20, 5, 59, 79]]) == [(20, 80)]  # no room above
    assert put([(40, 10)], [[20, 5, 119, 95]]) == [(120, 5)]  # nor below
    assert put([(40, 10)], [[20, 0, 179, 99]]) == [(20, 0)]  # a small part of the box
    assert put([(40, 10)], [[0, 0, 20, 99]]) == [(21, 0)]  # would hide half of a narrow one
    assert put([(40, 10)], [[180, 30, 199, 79]]) == [(160, 20)]  # moved inside


def test_a_second_label_goes_elsewhere_and_one_without_room_is_left_out():
    box, size = [20, 30, 99, 69], (80, 10)
    assert put([size] * 5, [box] * 5) == [(20, 20), (20, 70), (100, 30), (20, 30), None]
    assert None not in put([size] * 9, [box] * 9, every=True)


def test_no_label_hides_a_small_box():
    box, small = [20, 30, 99, 69], [25, 18, 36, 27]
    assert put([(80, 10), (9, 9)], [box, small])[0] == (20, 70)


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (5, 5)])
def test_a_label_larger_than_the_image_is_left_out_or_clipped(shape):
    box = [[0, 0, shape[1] - 1, shape[0] - 1]]
    assert put([(30, 12)], box, shape) == [None]
    assert put([(30, 12)], box, shape, every=True) == [(0, 0)]


def ink(image, label=0):
    return int((image == colour(label)).all(2).sum())


def test_names_are_switched_off_and_all_on():
    none, auto, every = (
        ink(draw(grey(24, 24), [[2, 2, 22, 22]], [0], [0.9], ["cell"], style=Style(labels=which)))
        for which in ("none", "auto", "all")
    )
    assert none == auto < every  # the name would hide half of the box
    roomy = (ink(draw(grey(99, 99), [[20, 30, 60, 90]], [0], style=Style(labels=which))) for which in ("none", "auto"))
    assert none == 4 * 19 and next(roomy) < next(roomy)


def line(image, row, label=0):
    """Width of the first line that a row crosses."""
    run = np.flatnonzero((image[row] == colour(label)).all(1))
    return int(np.argmax(np.diff(run, append=run[-1] + 9) > 1)) + 1


def test_lines_are_thin_on_small_boxes_and_in_a_crowd():
    plain = Style(labels="none")
    alone = draw(grey(1000, 1000), [[300, 300, 700, 700]], [0], style=plain)
    small = draw(grey(1000, 1000), [[300, 300, 320, 700]], [0], style=plain)
    crowd = draw(grey(1000, 1000), [[300 + 6 * k, 300, 600 + 6 * k, 700] for k in range(60)], [0] * 60, style=plain)
    assert line(alone, 500) == 5 and line(small, 500) == 3 and line(crowd, 500) == 1
    typed = draw(grey(1000, 1000), [[300, 300, 700, 700]], [0], style=Style(9, "none"))
    assert 9 <= line(typed, 500) <= 11


def test_letters_shrink_in_a_crowd_but_not_below_what_can_be_read():
    def letters(count):
        boxes = [
            [40 + 90 * (k % 20), 60 + 90 * (k // 20), 100 + 90 * (k % 20), 120 + 90 * (k // 20)] for k in range(count)
        ]
        drawn = draw(grey(1900, 1900), boxes, [5] * count, [0.9] + [0.5] * (count - 1), ["a"])
        return int((drawn[:60, 41] == colour(5)).all(1).sum())  # beside the letters, above the first box

    assert letters(1) > letters(100) > letters(400) >= 12


def test_wrong_ones_are_dashed_and_marked():
    box, groups = np.array([[10.0, 40, 190, 90]]), [np.array([True]), np.array([False])]
    right, wrong = (judged(grey(100, 200), box, np.array([0]), None, ["a"], way) for way in (groups, groups[::-1]))
    assert (right[89, 10:190] == colour(0)).all()
    dash = (wrong[89, 10:190] == colour(0)).all(1)
    assert 0.4 < dash.mean() < 0.8 and (wrong[:40] != right[:40]).any()
    neither = judged(grey(100, 200), box, np.array([0]), None, ["a"], (groups[1], groups[1]))
    assert (neither == 128).all()
