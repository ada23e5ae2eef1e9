"""What the score of a box is made of: each part by values worked by hand, the roots, the published formula."""

import math
from itertools import pairwise

import pytest
import torch

from cornernet.config import ScoreWeights
from cornernet.detectors.corner.scores import by_distance, by_region, corner_scores
from cornernet.structures import RegionLogits


def logit(*shares):
    return torch.tensor(shares).logit()


def scored(corner, pair, region, how="mean", min_pair=0.0, weights=None):
    """Score of one box of these parts; pair None: a stage that does not ask for it."""
    said = RegionLogits(None if pair is None else logit(pair)[None], logit(region)[None, None])
    return by_region(torch.tensor([[corner]]), said, how, ScoreWeights(**weights or {}), min_pair).item()


def test_a_box_has_the_mean_or_the_geometric_mean_of_its_corners():
    tl, br = torch.tensor([[0.9, 0.4]]), torch.tensor([[0.1]])
    torch.testing.assert_close(corner_scores(tl, br)[0], torch.tensor([[0.5], [0.25]]))
    assert torch.equal(corner_scores(tl, br, "cpn"), corner_scores(tl, br))
    torch.testing.assert_close(corner_scores(tl, br, "geometric")[0], torch.tensor([[0.3], [0.2]]))
    with pytest.raises(ValueError, match="mean, geometric or cpn, got 'max'"):
        corner_scores(tl, br, "max")


def test_distance_takes_off_an_exponential():
    held = torch.tensor([0.8, 0.8])
    found = by_distance(held, torch.tensor([0.0, 0.5]), ScoreWeights(distance=2.0))
    torch.testing.assert_close(found, torch.tensor([0.8, 0.8 / math.e]))
    assert torch.equal(by_distance(held, torch.tensor([1.0, 9.0]), ScoreWeights()), held)


@pytest.mark.parametrize(
    ("parts", "weights", "expected"),
    [
        ((0.5, 0.5, 0.5), {}, 0.5),  # a box all of whose parts are p is p
        ((0.5, 0.25, 0.5), {}, (0.5**4) ** (1 / 3)),
        ((0.25, 0.5, 1.0), {"region": 0}, 0.125**0.5),
        ((0.25, 0.5, 0.1), {"region": 0, "pair": 0}, 0.25),
        ((0.9, 0.5, 0.1), {"corner": 0, "region": 0}, 0.5),
        ((0.9, 0.9, 0.3), {"corner": 0, "pair": 0}, 0.3),
        ((0.5, 0.5, 0.25), {"region": 2}, (0.25 * 0.0625) ** 0.25),
        ((0.25, None, 0.04), {}, 0.1),
        ((0.25, None, 0.5), {"pair": 7}, 0.125**0.5),  # what a stage does not say has no exponent
    ],
)
def test_parts_are_a_weighted_geometric_mean(parts, weights, expected):
    assert scored(*parts, weights=weights) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("both", "published"), [(0.0, 0), (0.5, 0.75), (1.0, 2)])
def test_the_published_score_is_halved(both, published):
    assert scored(both, 0.9, both, "cpn") == pytest.approx(published / 2)
    assert scored(both, None, both, "cpn") == scored(both, 0.2, both, "cpn")


@pytest.mark.parametrize("how", ["mean", "cpn"])
def test_what_is_no_pair_has_minus_one(how):
    assert scored(-1.0, 0.9, 0.9, how) == -1
    assert scored(0.9, 0.19, 0.9, how, min_pair=0.2) == -1
    assert scored(0.9, 0.21, 0.9, how, min_pair=0.2) > 0
    assert scored(0.9, None, 0.9, how, min_pair=1.0) > 0


@pytest.mark.parametrize("how", ["mean", "geometric", "cpn"])
def test_scores_are_shares_and_grow_with_every_part(how):
    steps = torch.linspace(0, 1, 9).tolist()
    for part in range(3):
        rows = [scored(*(p if place == part else 0.3 for place in range(3)), how) for p in steps]
        assert all(0 <= low <= high + 1e-7 and high <= 1 for low, high in pairwise(rows))
        assert (rows[0] < rows[-1]) == (how != "cpn" or part != 1)  # the published one leaves the pair score out


def test_every_class_has_a_score_of_its_own():
    said = RegionLogits(logit(0.5)[None], logit(0.1, 0.9, 0.5)[None, None])
    found = by_region(torch.tensor([[0.5]]), said, "mean", ScoreWeights(), 0.2)
    torch.testing.assert_close(found[0, 0], (0.25 * torch.tensor([0.1, 0.9, 0.5])) ** (1 / 3))
    half = RegionLogits(*(x.bfloat16() for x in said))
    assert by_region(torch.tensor([[0.5]]), half, "mean", ScoreWeights(), 0.2).dtype == torch.float32
