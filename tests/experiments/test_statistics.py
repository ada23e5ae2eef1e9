"""Differences between members of a comparison: by hand, and held to what their intervals promise."""

import math

import numpy as np
import pytest

from cornernet.experiments.statistics import Difference, differences, holm, interval, needed, sentence


def test_an_interval_by_hand():
    low, high, p = interval(np.array([0.01, 0.02, 0.03]))  # mean 0.02, sd 0.01, t(0.975, 2) = 4.3027
    assert (low, high) == pytest.approx((0.02 - 4.3027 * 0.01 / 3**0.5, 0.02 + 4.3027 * 0.01 / 3**0.5), abs=1e-6)
    assert p == pytest.approx(0.0742, abs=1e-4)  # t = 3.4641 with 2 degrees of freedom


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    kept = holm([0.02, math.nan, 0.03])
    assert kept[0] == pytest.approx(0.04) and math.isnan(kept[1]) and kept[2] == pytest.approx(0.04)
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []


def test_pairs_are_of_the_seeds_that_both_have():
    found = differences({"a": {1: 0.5, 2: 0.6, 3: -1.0}, "b": {2: 0.7, 1: 0.5, 4: 0.1}, "c": {9: 0.2}})
    assert [(x.first, x.second, x.seeds) for x in found] == [("a", "b", 2), ("a", "c", 0), ("b", "c", 0)]
    assert found[0].mean == pytest.approx(0.05) and math.isnan(found[1].mean) and math.isnan(found[1].p)
    assert sentence(found[1]) == "cannot be told with 0 seeds: two or more show a spread"


def test_what_is_said():
    told = {"a": {s: 0.5 + s / 1000 for s in range(5)}, "b": {s: 0.52 + s / 1001 for s in range(5)}}
    (pair,) = differences(told)
    assert pair.told and sentence(pair) == "b is above a by 2.0"
    (pair,) = differences({"b": told["b"], "a": told["a"]})
    assert pair.mean < 0 and sentence(pair) == "b is above a by 2.0"
    (pair,) = differences({"a": {1: 0.5, 2: 0.5, 3: 0.5}, "b": {1: 0.49, 2: 0.52, 3: 0.505}})
    assert not pair.told and sentence(pair).startswith("cannot be told with 3 seeds: about ")
    (pair,) = differences({"a": {1: 0.5}, "b": {1: 0.6}})
    assert sentence(pair) == "cannot be told with 1 seed: two or more show a spread" and math.isnan(pair.low)


def test_equal_members_and_a_difference_without_spread():
    same, apart = ({s: x for s in range(3)} for x in (0.5, 0.75))
    (equal,), (moved,) = differences({"a": same, "b": same}), differences({"a": same, "b": apart})
    assert equal.p == 1 and not equal.told and equal.needed is None
    assert moved.p == 0 and moved.told and (moved.low, moved.high) == (0.25, 0.25)


def test_the_seeds_that_are_needed_are_those_of_the_power():
    """Of an effect of one standard deviation the paired t test has a power of 0.8 from 10 pairs on."""
    values = np.array([0.0, 1.0, 2.0])
    assert needed(values) == 10
    assert needed(values * 1e-6 + 1) == 2 and needed(np.array([-1.0, 1.0])) is None and needed(values[:1]) is None


def test_what_is_not_told_among_many_needs_more_seeds_than_it_has():
    """p of 0.02 is below 5 % alone, and not where there are ten pairs."""
    random = np.random.default_rng(0)
    members = {name: dict(enumerate(0.5 + k / 100 + random.normal(0, 0.008, 3))) for k, name in enumerate("abcde")}
    found = [pair for pair in differences(members) if not pair.told]
    alone = [pair for pair in found if differences({x: members[x] for x in (pair.first, pair.second)})[0].told]
    assert alone and all(pair.needed is None or pair.needed > 3 for pair in found)
    assert needed(np.array([0.0, 1.0, 2.0]), 10) > needed(np.array([0.0, 1.0, 2.0]), 1) == 10


@pytest.mark.parametrize("n", [3, 5, 10])
def test_without_a_difference_the_interval_holds_0_in_95_of_100_comparisons(n):
    random = np.random.default_rng(n)
    apart = random.normal(0, 0.01, (4000, n)) - random.normal(0, 0.01, (4000, n))
    inside = np.mean([low <= 0 <= high for low, high, _ in map(interval, apart)])
    assert 0.93 <= inside <= 0.97


def test_holm_keeps_false_claims_rare():
    random = np.random.default_rng(0)
    names = "abcd"
    claims = [
        any(x.told for x in differences({name: dict(enumerate(random.normal(0.5, 0.01, 4))) for name in names}))
        for _ in range(400)
    ]
    assert np.mean(claims) <= 0.07
    assert Difference._fields[:2] == ("first", "second")
