"""Distances between corners, by hand."""

from math import log

import pytest
import torch

from cornernet.detectors.corner.decode import Corners, by_tags
from cornernet.detectors.corner.pairing import pair_distance, shift_distance


def corners(points, tags):
    """Corners of one image from lists of (x, y) and of tags."""
    x, y = torch.tensor(points, dtype=torch.float32).T[:, None]
    zeros = torch.zeros(1, len(points))
    return Corners(zeros, zeros.long(), x, y, torch.tensor([tags], dtype=torch.float32), zeros.long())


def test_shifts_that_agree_with_the_box_are_near():
    tl = corners([(1, 1), (3, 2)], [(log(4), log(2)), (log(1), log(1))])
    br = corners([(9, 5), (5, 4)], [(log(4), log(2)), (log(1), log(1) + 0.4)])
    got = shift_distance(tl, br)[0]
    assert got[0, 0] == pytest.approx(0, abs=1e-6)  # sides 8, 4: shifts log 4, log 2, as all four tags say
    assert got[1, 1] == pytest.approx(0.4 / 4)  # sides 2, 2: one of four numbers is off by 0.4
    # tl 0 with br 1: sides 4, 3, shifts log 2, log 1.5
    by_hand = (log(4 / 2) + log(2 / 1.5) + log(2 / 1) + abs(0.4 - log(1.5))) / 4
    assert got[0, 1] == pytest.approx(by_hand)


def test_ten_percent_too_large_is_a_tenth():
    tl, br = corners([(0, 0)], [(log(11), log(11))]), corners([(20, 20)], [(log(11), log(11))])
    assert shift_distance(tl, br).item() == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize("br", [(0, 5), (5, 0), (-3, 5), (5, -3), (0, 0)])
def test_boxes_without_size_or_inverted_are_far(br):
    got = shift_distance(corners([(0, 0)], [(0, 0)]), corners([br], [(0, 0)]))
    assert got.isfinite().all() and got.item() > 5


def test_each_image_pairs_its_own_corners():
    tl, br = corners([(0, 0)], [(0, 0)]), corners([(2, 2)], [(0, 0)])
    batch = [Corners(*(torch.cat(x) for x in zip(a, b, strict=True))) for a, b in ((tl, br), (br, br))]
    assert shift_distance(*batch).shape == (2, 1, 1)


@pytest.mark.parametrize("name", ["ae", "my.own.Loss"])
def test_other_groupings_compare_tags(name):
    assert pair_distance(name, 1) is by_tags and pair_distance(name, 3) is by_tags


def test_centripetal_needs_two_numbers():
    assert pair_distance("centripetal", 2) is shift_distance
    with pytest.raises(ValueError, match=r"loss\.grouping\.name=centripetal needs model\.head\.tag_dim=2 .*, got 1"):
        pair_distance("centripetal", 1)
