"""The frontier of speeds: which rows are on it, and that all of a table are drawn."""

import pytest

from benchmarks import frontier
from cornernet.cli.commandline import call


def test_what_is_slower_and_no_better_is_not_on_it():
    points = [(40, 0.60), (10, 0.50), (20, 0.50), (30, 0.45), (50, 0.60), (10, 0.48), (90, 0.61)]
    assert frontier.frontier(points) == [(10, 0.50), (40, 0.60), (90, 0.61)]
    assert frontier.frontier([]) == []


def test_the_table_of_the_docs_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    call(frontier.COMMAND, ["docs/results/speed.csv", str(tmp_path / "x.svg")])
    assert (tmp_path / "x.svg").read_text().count("<use") >= 12
