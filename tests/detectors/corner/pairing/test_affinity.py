"""Corner affinity by hand: there is no output of the published code."""

from math import exp, log, tanh

import pytest
import torch

from cornernet.detectors.corner.decode import Corners, pair_up
from cornernet.detectors.corner.pairing.affinity import Sizes, affinity
from cornernet.losses import build
from cornernet.losses.grouping.half_sides import half_sides
from cornernet.losses.offset.smooth_l1 import smooth_l1
from cornernet.ops.tags import by_tags


def way(least=0.2, tag_dim=1):
    return affinity(least, tag_dim=tag_dim, tags=by_tags)


def word(tag, width, height):
    """What one corner says, [1, 1, 3]."""
    return torch.tensor([[[tag, log(width + 1), log(height + 1)]]])


def affinity_of(tl, br, tl_said, br_said):
    return 1 - way().distance(torch.tensor([[tl]]), torch.tensor([[br]]), tl_said, br_said).item()


def test_corners_that_agree_with_the_box_are_at_no_distance():
    assert affinity_of((1.0, 2.0), (10.0, 6.0), word(0.3, 9, 4), word(0.3, 9, 4)) == pytest.approx(1, abs=1e-5)


def test_structure_by_hand():
    """A of 4 x 4 cells in B of 9 x 9: 25 of 100 with one cell more; far corners 5, diagonal 9 times the root of 2."""
    got = affinity_of((0.0, 0.0), (9.0, 9.0), word(0, 4, 4), word(0, 9, 9))
    assert got == pytest.approx(25 / 100 - (5 / 2 / 9) ** 2, rel=1e-5)


def test_both_corners_by_hand():
    """A (0, 0, 6, 8), B (4, 0, 8, 8): 3 x 9 of 7 x 9 and 5 x 9; ends 2 and 4 apart, diagonal 128 squared."""
    got = affinity_of((0.0, 0.0), (8.0, 8.0), word(0, 6, 8), word(0, 4, 8))
    assert got == pytest.approx(27 / (63 + 45 - 27) - 9 / 128, rel=1e-5)


def test_context_by_hand():
    got = affinity_of((1.0, 2.0), (10.0, 6.0), word(0.2, 9, 4), word(0.9, 9, 4))
    assert got == pytest.approx(exp(-(tanh(0.7) ** 2) / 0.5), rel=1e-5)


def test_each_pair_has_its_own_distance():
    tl, br = torch.tensor([[[0.0, 0], [20, 20]]]), torch.tensor([[[9.0, 9], [24, 24], [5, 30]]])
    said = [torch.cat([word(0, *size) for size in sizes], 1) for sizes in (((9, 9), (4, 4)), ((9, 9), (4, 4), (1, 1)))]
    distance = way().distance(tl, br, *said)
    assert distance.shape == (1, 2, 3) and distance.isfinite().all()
    assert torch.allclose(distance[0, [0, 1], [0, 1]], torch.zeros(2), atol=1e-5) and (distance[0, 0, 1:] > 0.8).all()
    for i, j in ((0, 1), (1, 0), (1, 2)):
        alone = way().distance(tl[:, i : i + 1], br[:, j : j + 1], said[0][:, i : i + 1], said[1][:, j : j + 1])
        assert distance[0, i, j] == pytest.approx(alone.item(), rel=1e-5)


@pytest.mark.parametrize(("wide", "kept"), [(4.4, True), (4.1, False)])
def test_a_pair_of_an_affinity_below_a_fifth_is_none(wide, kept):
    """Of squares of 4.4 and 9 cells 0.226 is left, of 4.1 and 9 0.186."""
    one, zero = torch.ones(1, 1), torch.zeros(1, 1).long()
    corners = [Corners(one, zero, one * at, one * at, word(0, size, size), zero) for at, size in ((0, wide), (9, 9))]
    distance = way().distance(*(c.points() for c in corners), *(c.tags for c in corners))
    assert (pair_up(*corners, distance, way().threshold).scores.item() > 0) == kept


@pytest.mark.parametrize("br", [(0.0, 0.0), (-3.0, 5.0)])
def test_boxes_without_size_and_words_out_of_range_are_finite(br):
    for said in (word(0, 0, 0), torch.tensor([[[0.0, 500, -500]]])):
        assert torch.tensor(affinity_of((0.0, 0.0), br, said, said)).isfinite()


@pytest.mark.parametrize("least", [0, 1, -0.1])
def test_an_affinity_that_no_pair_or_every_one_has_is_refused(least):
    with pytest.raises(ValueError, match=f"least must be above 0 and below 1, got {least}"):
        way(least)


def test_the_branch_says_its_tag_before_the_size():
    branch = way(tag_dim=2).branch(8)
    x = torch.randn(1, 8, 4, 4)
    assert branch(x).shape == (1, 4, 4, 4) and torch.equal(branch(x)[:, 2:], branch.size(x))
    assert way(tag_dim=0).branch(8)(x).shape == (1, 2, 4, 4)


def objects():
    """Two objects and an empty slot: corners, mask and sizes of 3 x 7 and 1 x 0.5 cells."""
    tl, br = torch.tensor([[[1.0, 1], [5, 5], [0, 0]]]), torch.tensor([[[4.0, 8], [6, 5.5], [0, 0]]])
    return tl, br, torch.tensor([[1, 1, 0]])


def test_size_by_hand():
    tl, br, mask = objects()
    said = torch.zeros(1, 3, 3)
    terms = Sizes(None, smooth_l1, 1)(said, said, mask, tl, br)
    by_hand = (log(4) - 0.5) + (log(8) - 0.5) + log(2) ** 2 / 2 + log(1.5) ** 2 / 2
    assert list(terms) == ["size"] and terms["size"].item() == pytest.approx(2 * by_hand / 2.0001, rel=1e-5)


def test_the_grouping_reads_the_tags_alone():
    tl, br, mask = objects()
    said, ae = [torch.randn(1, 3, 3) for _ in range(2)], build("grouping", "ae")
    terms = Sizes(ae, smooth_l1, 1)(*said, mask, tl, br)
    expected = ae(said[0][..., :1], said[1][..., :1], mask)
    assert {name: terms[name] for name in expected} == expected and set(terms) == {"pull", "push", "size"}


def test_a_grouping_that_asks_for_points_is_given_them():
    tl, br, mask = objects()
    said = torch.randn(1, 3, 4)
    terms = Sizes(half_sides, smooth_l1, 2)(said, said, mask, tl, br)
    assert terms["grouping"] == half_sides(said[..., :2], said[..., :2], mask, tl, br)["grouping"]


def test_a_batch_without_objects_is_finite():
    said = torch.randn(2, 3, 3, requires_grad=True)
    terms = Sizes(build("grouping", "ae"), smooth_l1, 1)(said, said, torch.zeros(2, 3), *torch.zeros(2, 2, 3, 2))
    sum(terms.values()).backward()
    assert terms["size"] == 0 and said.grad.isfinite().all()
