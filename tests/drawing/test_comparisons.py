"""Plots of members that are compared: what stands where in them."""

import math
from xml.etree import ElementTree

import numpy as np
import pytest

from cornernet.drawing import charts, comparisons
from cornernet.drawing.comparisons import Line

NAN = math.nan


def test_a_forest_shows_each_interval_where_it_is():
    lines = [Line("a", -2.0, -3.0, -1.0, True, "told"), Line("b", 0.5, -1.0, 2.0, False, "not told")]
    (axes, *_) = comparisons.forest(lines, "AP minus that of c", "points").axes
    zero, first, mean, second, other = axes.get_lines()
    assert list(zero.get_xdata()) == [0, 0]
    assert list(first.get_xdata()) == [-3, -1] and list(second.get_xdata()) == [-1, 2]
    assert list(mean.get_xdata()) == [-2] and list(other.get_xdata()) == [0.5]
    assert mean.get_markerfacecolor() == comparisons.HUES[1] and other.get_markerfacecolor() == "white"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
    assert -3.5 < axes.get_xlim()[0] < -3 and 2 < axes.get_xlim()[1] < 2.5


def test_an_interval_that_is_far_too_long_ends_in_an_arrow():
    lines = [Line(name, 1.0, 0.5, 1.5, True, "") for name in "abc"] + [Line("wide", 1.0, -90.0, 92.0, False, "")]
    (axes, *_) = comparisons.forest(lines, "", "").axes
    assert axes.get_xlim()[1] < 10
    assert [line.get_marker() for line in axes.get_lines() if line.get_marker() in "<>"] == ["<", ">"]


def test_a_forest_without_intervals_has_its_means():
    (axes, *_) = comparisons.forest(
        [Line("a", 1.0, NAN, NAN, False, "-"), Line("b", NAN, NAN, NAN, False, "-")], "", ""
    ).axes
    assert [list(line.get_xdata()) for line in axes.get_lines()] == [[0, 0], [1.0]]


def test_names_are_written_as_they_are():
    lines = [Line("$x_1$ & 貓 " + "long " * 20, 1.0, 0.0, 2.0, False, ""), Line("$a$", 1.0, 0.0, 2.0, False, "")]
    (axes, *_) = comparisons.forest(lines, "minus $b", "").axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["no. 1", "$a$"]
    charts.png(axes.figure)  # no formula is read into it


def test_an_svg_is_whole_and_the_same_each_time():
    make = lambda: charts.svg(comparisons.forest([Line("a", 1.0, 0.0, 2.0, False, "x")], "", ""))  # noqa: E731
    first = make()
    assert first == make() and ElementTree.fromstring(first).tag.endswith("svg") and b"<text" not in first


def test_the_spread_is_of_the_steps_that_all_seeds_have():
    steps, low, mean, high = comparisons.spread([[(10, 0.2), (20, 0.4), (30, 0.9)], [(10, 0.4), (20, 0.3)]])
    np.testing.assert_allclose([steps, low, mean, high], [[10, 20], [0.2, 0.3], [0.3, 0.35], [0.4, 0.4]])
    assert all(len(part) == 0 for part in comparisons.spread([[(1, 0.5)], [(2, 0.5)]]))


@pytest.mark.parametrize("members", [1, 7, 8, 30])
def test_courses_of_any_number_of_members(members):
    seeds = [[(10 * k, 0.1 * k + seed) for k in range(5)] for seed in range(2)]
    drawn = comparisons.courses({f"member {i}": seeds for i in range(members)}, "AP")
    shown = [axes for axes in drawn.axes if axes.axison]
    assert len(shown) == (1 if members <= len(comparisons.HUES) else members)
    hues = {line.get_color() for line in shown[0].get_lines()}
    assert len(hues) == (members if members <= len(comparisons.HUES) else 2)
    (band,) = shown[0].collections[:1]
    assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(1.4)
    assert drawn.get_size_inches()[0] < 12


def test_gradients_have_one_line_a_term_and_one_scale():
    terms = {"heatmap": [(0, 10.0), (20, 1.0)], "pull": [(0, 0.1), (20, 0.01)]}
    drawn = comparisons.gradients(
        {"a": terms, "b": {"pull": [(0, 5.0), (20, 1e-3)]}, "c": {"pull": [(0, 0.0)]}}, "norm"
    )
    first, second, third = drawn.axes
    assert first.get_yscale() == "log" and first.get_ylim() == second.get_ylim() == third.get_ylim()
    assert first.get_lines()[1].get_color() == second.get_lines()[0].get_color() != first.get_lines()[0].get_color()
