"""Exponents of points whose slopes are worked by hand."""

import math

import pytest

from cornernet.profiling.exponents import exponent


def test_a_power_has_its_exponent_everywhere():
    found = exponent([1, 3, 7, 20], [5 * x**1.5 for x in (1, 3, 7, 20)])
    assert found == pytest.approx((1.5, 1.5, 1.5))


def test_a_bend_is_a_spread():
    # in powers of two: (0, 0), (1, 1), (2, 3); slopes 1 and 2, least squares (1 * 4/3 + 1 * 5/3) / 2 = 1.5
    assert exponent([1, 2, 4], [1, 2, 8]) == pytest.approx((1.5, 1, 2))
    assert exponent([4, 1, 2], [8, 1, 2]) == pytest.approx((1.5, 1, 2))  # in any order
    assert exponent([1, 2, 4], [10, 20, 80]) == pytest.approx((1.5, 1, 2))  # in any unit


def test_a_constant_share_hides_the_growth():
    values = [1, 2, 4]
    assert exponent(values, [100 + x for x in values]).fitted < 0.05
    assert exponent(values, values).fitted == pytest.approx(1)


def test_what_costs_nothing_has_no_logarithm():
    assert exponent([1, 2, 4], [0, 1, 4]) == pytest.approx((2, 2, 2))
    assert exponent([1, 2, 4], [math.nan, 1, 4]) == pytest.approx((2, 2, 2))
    assert all(map(math.isnan, exponent([1, 2], [-1, 5])))
    assert all(map(math.isnan, exponent([], [])))


@pytest.mark.parametrize("values", [[1, 1], [0, 1], [-2, 2]])
def test_values_must_be_positive_and_differ(values):
    with pytest.raises(ValueError, match="positive values that differ"):
        exponent(values, [1, 2])
