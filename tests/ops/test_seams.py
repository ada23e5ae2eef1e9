"""What becomes of boxes of several views, one rule at a time; tests/prediction/test_slices.py has them all at work."""

import pytest
import torch

from cornernet.ops.seams import Seen, join

SIZE = (100, 180)  # of the image
TILES = [[0, 0, 100, 100], [80, 0, 180, 100]]
WHOLE = [0, 0, 180, 100]


def joined(*rows, frames=TILES, pixels=1.0, count=100):
    """Rows (view, x1, x2, score) or with label, y1, y2 -> what is left, as (x1, y1, x2, y2, score) with two digits."""
    full = [(*row, 0, 20, 60)[:7] if len(row) == 4 else row for row in rows]
    table = torch.tensor(full, dtype=torch.float32).reshape(-1, 7)
    view, x1, x2, scores, labels, y1, y2 = table.unbind(1)
    sides = torch.tensor([1.0, 1.0, pixels][: len(frames)])
    seen = Seen(
        torch.stack([x1, y1, x2, y2], 1), scores, labels.long(), view.long(), torch.tensor(frames).float(), sides
    )
    boxes, scores, _ = join(seen, SIZE, count)
    return [(*map(round, box), round(score, 2)) for box, score in zip(boxes.tolist(), scores.tolist(), strict=True)]


def test_a_part_gives_way_to_the_whole_and_leaves_its_score():
    assert joined((0, 86, 100, 0.9), (1, 86, 140, 0.5), (0, 5, 60, 0.3)) == [
        (86, 20, 140, 60, 0.9),
        (5, 20, 60, 60, 0.3),
    ]
    assert joined((0, 60, 97, 0.5), (1, 80, 97, 0.9)) == [(60, 20, 97, 60, 0.9)]
    assert joined((0, 50, 94, 0.5), (1, 80, 94, 0.9)) == [(50, 20, 94, 60, 0.9)]


def test_parts_make_a_box_around_both():
    assert joined((0, 30, 100, 0.6), (1, 80, 160, 0.7)) == [(30, 20, 160, 60, 0.7)]
    abutting = [[0, 0, 90, 100], [90, 0, 180, 100]]
    assert joined((0, 30, 90, 0.6), (1, 90, 160, 0.7), frames=abutting) == [(30, 20, 160, 60, 0.7)]


def test_parts_that_disagree_where_both_see_stay_apart():
    """Two objects cut by the same border, one above the other, and one that ends before it."""
    apart = [(0, 30, 100, 0.6, 0, 5, 40), (1, 80, 160, 0.7, 0, 60, 95)]
    assert len(joined(*apart)) == 2
    assert len(joined((0, 30, 100, 0.6), (1, 80, 160, 0.7, 1, 20, 60))) == 2  # of another class


def test_of_one_view_no_box_suppresses_another():
    assert len(joined((0, 10, 60, 0.9), (0, 12, 62, 0.8))) == 2
    assert len(joined((0, 10, 60, 0.9), (0, 12, 62, 0.8), (1, 100, 140, 0.7), (1, 101, 141, 0.6))) == 4
    assert len(joined((0, 82, 95, 0.9, 0, 20, 40), (1, 86, 95, 0.8, 0, 20, 40))) == 1  # of two they do


def test_a_small_object_before_a_large_one_is_no_part_of_it():
    frames = [*TILES, WHOLE]
    assert len(joined((2, 20, 170, 0.9), (0, 40, 70, 0.8, 0, 30, 50), frames=frames, pixels=2.0)) == 2
    cut_here_whole_there = [(0, 86, 100, 0.8, 0, 30, 50), (1, 86, 110, 0.8, 0, 30, 50)]
    rows = joined((2, 20, 170, 0.9), *cut_here_whole_there, frames=frames, pixels=2.0)
    assert rows == [(20, 20, 170, 60, 0.9), (86, 30, 110, 50, 0.8)]


def test_a_badly_fitting_part_goes_with_what_crosses_the_border():
    """A wheel at the edge of a tile, beneath the car that the whole image shows."""
    rows = [(2, 20, 170, 0.6), (0, 70, 100, 0.9, 0, 40, 60)]
    assert joined(*rows, frames=[*TILES, WHOLE], pixels=2.0) == [(20, 20, 170, 60, 0.6)]


def test_a_sliver_may_be_off_by_pixels():
    """Seven pixels where three are to be seen: neither half the same nor half in it, but near."""
    assert joined((0, 50, 83, 0.9), (1, 80, 87, 0.6)) == [(50, 20, 83, 60, 0.9)]


def test_a_box_that_ends_before_the_border_has_no_part_beyond_it():
    frames = [[0, 0, 100, 100], [40, 0, 140, 100]]
    assert len(joined((1, 47, 95, 0.9), (0, 75, 100, 0.8, 0, 30, 50), frames=frames)) == 2
    assert len(joined((1, 47, 120, 0.9), (0, 75, 100, 0.8, 0, 30, 50), frames=frames)) == 1


def test_classes_leave_each_other_alone():
    assert len(joined((0, 82, 94, 0.9), (1, 86, 94, 0.8, 1, 20, 60))) == 2


def test_a_doubtful_whole_does_not_swallow_a_sure_part():
    """It counts half for being cut, not nothing."""
    found = joined((2, 20, 170, 0.1), (0, 70, 100, 0.9, 0, 40, 60), frames=[*TILES, WHOLE], pixels=2.0)
    assert (70, 40, 100, 60, 0.9) in found


def test_the_sharper_view_gives_the_sides_that_it_shows():
    """The whole image at a fifth of the size is 7 pixels off; tiles know left and right, both the upper side."""
    rows = [(2, 23, 177, 0.9, 0, 13, 67), (0, 30, 100, 0.6), (1, 80, 170, 0.7)]
    assert joined(*rows, frames=[*TILES, WHOLE], pixels=5.0) == [(30, 20, 170, 60, 0.9)]


def test_what_a_tile_holds_is_left_to_the_tile():
    """The whole image shows it too coarsely to say anything; beyond a tile it alone can."""
    frames = [*TILES, WHOLE]
    assert joined((2, 8, 67, 0.9), (0, 10, 60, 0.6), frames=frames, pixels=5.0) == [(10, 20, 60, 60, 0.6)]
    assert joined((2, 8, 67, 0.9), (2, 90, 180, 0.9), frames=frames, pixels=5.0) == []
    assert joined((2, 70, 171, 0.9), frames=frames, pixels=5.0) == [(70, 20, 171, 60, 0.9)]


def test_a_border_of_the_image_cuts_nothing():
    assert joined((0, 0, 60, 0.9, 0, 0, 100), (0, 0, 50, 0.8, 0, 0, 90)) == [(0, 0, 60, 100, 0.9), (0, 0, 50, 90, 0.8)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_best_are_kept_whatever_lowered_their_rank(count):
    """Two cut boxes of 0.9 and 0.8 rank below the whole ones of 0.5, and count as 0.9 and 0.8."""
    rows = [(0, 5, 20, 0.5), (0, 30, 50, 0.45), (0, 55, 100, 0.9, 0, 70, 90), (1, 80, 120, 0.8, 0, 2, 9)]
    assert [row[4] for row in joined(*rows, count=count)] == [0.9, 0.8, 0.5][:count]


def test_nothing_is_nothing():
    assert joined() == []
