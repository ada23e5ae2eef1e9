"""What is particular to half sides as tags: where boxes are small, inverted or absent."""

from math import log

import pytest
import torch

from cornernet.losses.grouping.half_sides import SMALLEST, half_sides


def tags(*rows):
    return torch.tensor([rows])


def test_tags_that_say_half_the_sides_cost_nothing():
    shift = tags((log(3.0), log(5.0)), (0.0, log(0.5)))
    points = tags((1.0, 2.0), (4.0, 4.0)), tags((7.0, 12.0), (6.0, 5.0))
    assert half_sides(shift, shift, torch.ones(1, 2), *points)["grouping"].item() == pytest.approx(0, abs=1e-6)


def test_each_image_counts_the_same():
    zeros, points = torch.zeros(2, 3, 2), (torch.zeros(2, 3, 2), torch.full((2, 3, 2), 2.0))
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]])
    tl = torch.tensor([2.0, 4.0]).view(2, 1, 1).expand(2, 3, 2)  # off by 2 and by 4 in x and y, at one corner
    by_hand = ((2 - 0.5) * 2 + (4 - 0.5) * 2) / 2
    assert half_sides(tl, zeros, mask, *points)["grouping"].item() == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize("side", [0.0, -5.0, 1e-9, 1e6])
def test_boxes_without_size_are_finite(side):
    tag = torch.zeros(1, 1, 2, requires_grad=True)
    points = torch.zeros(1, 1, 2), torch.full((1, 1, 2), side)
    value = half_sides(tag, tag, torch.ones(1, 1), *points)["grouping"]
    value.backward()
    shift = abs(log(max(side / 2, SMALLEST)))
    assert value.item() == pytest.approx(4 * (shift - 0.5), rel=1e-3) and tag.grad.isfinite().all()


def test_empty_slots_say_nothing():
    mask = torch.tensor([[True, False]])
    tag = torch.tensor([[[0.5, 0.5], [float("nan"), float("inf")]]], requires_grad=True)
    points = torch.zeros(1, 2, 2), torch.tensor([[[2.0, 2.0], [0.0, 0.0]]])
    value = half_sides(tag, tag, mask, *points)["grouping"]
    value.backward()
    assert value.item() == pytest.approx(4 * 0.5**2 / 2, rel=1e-3)
    assert tag.grad[0, 0].all() and not tag.grad[0, 1].any()


@pytest.mark.parametrize("dim", [1, 3])
def test_tags_of_another_dimension_are_refused(dim):
    tag, points = torch.zeros(1, 1, dim), torch.zeros(1, 1, 2)
    with pytest.raises(ValueError, match=rf"model\.head\.tag_dim=2\), got {dim}"):
        half_sides(tag, tag, torch.ones(1, 1), points, points)
