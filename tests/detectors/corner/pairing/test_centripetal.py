"""Centripetal shifts by hand: targets, the test of a pair and its border, gradients; the goldens are beside it."""

import functools
from math import log

import pytest
import torch

from cornernet.detectors.corner.pairing import centripetal as way_module
from cornernet.detectors.corner.pairing.centripetal import Deformed, Shifts, centripetal, true_shifts
from cornernet.losses.offset.smooth_l1 import smooth_l1

BOXES = torch.tensor([[2.3, 3.6, 10.8, 8.1], [5.0, 1.25, 20.5, 30.75]])  # cells


def says(boxes):
    """Boxes [M, 4] in cells -> points and true words of both kinds of corner, [1, M, ...]."""
    points = boxes[None, :, :2], boxes[None, :, 2:]
    return (*points, *true_shifts(*points))


def test_true_shifts_by_hand():
    _, _, tl, br = says(BOXES[:1])
    centre, half = (6.55, 5.85), (log(4.25), log(2.25))
    torch.testing.assert_close(tl[0, 0], torch.tensor([centre[0] - 2, centre[1] - 3, *half]))
    torch.testing.assert_close(br[0, 0], torch.tensor([10 - centre[0], 8 - centre[1], *half]))


def test_a_box_without_size_has_finite_shifts():
    assert all(x.isfinite().all() for x in says(torch.tensor([[3.0, 3, 3, 3]])))


def test_true_words_pair_their_own_corners_alone():
    distance = centripetal(stride=4).distance(*says(BOXES))
    torch.testing.assert_close(distance[0].diag(), torch.zeros(2), atol=1e-4, rtol=0)
    assert distance[0, 0, 1] == distance[0, 1, 0] == torch.inf


@pytest.mark.parametrize(("region", "small", "large"), [("repository", 2.1, 2.4), ("mmdetection", 2.4, 2.1)])
@pytest.mark.parametrize("side", [59.0, 60.0])  # 3481 and 3600 square pixels
def test_the_region_of_a_box_by_its_area(region, small, large, side):
    """A centre 1 % within the border of the region counts, one 1 % beyond it does not, on any side of it."""
    reach = side / (small if side == 59 else large) / 2
    for stride in (1, 4):
        way, points = centripetal(region, stride=stride), (torch.zeros(1, 1, 2), torch.full((1, 1, 2), side / stride))
        for axis in (0, 1):
            for part, found in ((0.99, True), (1.01, False), (-0.99, True), (-1.01, False)):
                half = torch.full((1, 1, 4), log(side / 2 / stride))
                half[..., 2 + axis] = log((side / 2 + part * reach) / stride)
                right = torch.full_like(half, log(side / 2 / stride))
                assert way.distance(*points, half, right).isfinite().item() == found
                assert way.distance(*points, right, half).isfinite().item() == found


def test_a_centre_on_the_border_of_the_region_does_not_count(monkeypatch):
    monkeypatch.setitem(way_module.REGIONS, "repository", (2.0, 2.0, torch.inf))  # numbers that floats hold exactly
    points = torch.zeros(1, 1, 2), torch.full((1, 1, 2), 4.0)  # the region reaches from 1 to 3
    word = lambda centre: torch.tensor([[[0, 0, log(centre), log(2.0)]]])  # noqa: E731
    distance = functools.partial(centripetal(stride=4).distance, *points)
    assert torch.exp(torch.tensor(log(1.0))) == 1 and distance(word(1.0), word(2.0)) == torch.inf
    assert distance(word(1.001), word(2.0)).isfinite()


def test_the_distance_is_the_area_between_the_centres_over_that_of_the_region():
    """Box of 24 cells of 4 pixels, 96 pixels: region of 10 cells; centres 3 and 2 cells apart."""
    points = torch.zeros(1, 1, 2), torch.full((1, 1, 2), 24.0)
    said = torch.tensor([[[0, 0, log(10.5), log(11)]]]), torch.tensor([[[0, 0, log(10.5), log(11)]]])
    assert centripetal(stride=4).distance(*points, *said).item() == pytest.approx(3 * 2 / 100, rel=1e-4)


def test_mmdetection_rejects_centres_that_span_more_than_half_of_the_region():
    points = torch.zeros(1, 1, 2), torch.full((1, 1, 2), 24.0)  # region of 11.43 cells there, 10 here
    said = torch.tensor([[[0, 0, log(8.0), log(8)]]]), torch.tensor([[[0, 0, log(7.5), log(7.5)]]])
    assert 8.5**2 / (24 / 2.1) ** 2 > 0.5
    assert centripetal("repository", stride=4).distance(*points, *said).item() == pytest.approx(8.5**2 / 100, rel=1e-4)
    assert centripetal("mmdetection", stride=4).distance(*points, *said) == torch.inf


@pytest.mark.parametrize("br", [(0.0, 5.0), (5.0, 0.0), (-3.0, 5.0), (0.0, 0.0), (-3.0, -3.0)])
def test_boxes_without_size_or_inverted_are_infinitely_far(br):
    said = torch.zeros(1, 1, 4)
    assert centripetal(stride=4).distance(torch.zeros(1, 1, 2), torch.tensor([[br]]), said, said) == torch.inf


def test_words_that_overflow_are_rejected():
    said = torch.full((1, 1, 4), 200.0)
    assert centripetal(stride=4).distance(torch.zeros(1, 1, 2), torch.full((1, 1, 2), 5.0), said, said) == torch.inf


def test_another_region_is_refused():
    with pytest.raises(ValueError, match="region must be one of repository, mmdetection, got 'paper'"):
        centripetal("paper", stride=4)


def test_a_batch_without_objects_is_finite():
    said = torch.randn(2, 3, 4, requires_grad=True)
    terms = Shifts(smooth_l1, smooth_l1)(said, said, torch.zeros(2, 3), *torch.zeros(2, 2, 3, 2))
    sum(terms.values()).backward()
    assert [x.item() for x in terms.values()] == [0, 0] and (said.grad == 0).all()


def test_deformable_convolution_under_autocast_is_of_float32():
    x, layer = torch.randn(1, 8, 5, 5), Deformed(8)
    offsets = torch.randn(1, 18, 5, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(x.bfloat16(), offsets.bfloat16())
    torch.testing.assert_close(out, layer(x.bfloat16().float(), offsets.bfloat16().float()))


def test_no_gradient_reaches_the_guiding_branch_through_the_deformable_convolution():
    branch, x = centripetal(stride=4).branch(8), torch.randn(1, 8, 5, 5)
    branch(x)[:, 2:].sum().backward()
    assert all(p.grad is None or (p.grad == 0).all() for p in branch.guiding.parameters())
    assert branch.to_offsets.weight.grad.abs().sum() > 0 and branch.shift[2].weight.grad.abs().sum() > 0


def test_the_branch_is_initialised_as_published():
    branch = centripetal(stride=4).branch(64)
    assert branch.to_offsets.weight.std().item() == pytest.approx(0.1, rel=0.4)
    assert branch.adapted.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert branch.to_offsets.bias is None and branch(torch.randn(1, 64, 4, 4)).shape == (1, 4, 4, 4)
