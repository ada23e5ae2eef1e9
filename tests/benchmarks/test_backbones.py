"""Networks beside each other: who comes when, shares of the first, and the rows that are printed."""

import csv
import io

import pytest

from benchmarks import backbones
from cornernet.cli.commandline import call


def test_calls_take_turns_and_shares_are_of_the_first(monkeypatch):
    clock, order = [0.0], []

    def work(number, taken):
        order.append(number)
        clock[0] += taken * len(order)

    monkeypatch.setattr(backbones.time, "process_time", lambda: clock[0])
    found = backbones.compare([lambda: work(0, 2), lambda: work(1, 1)], 1)
    assert order == [0, 1, 0, 1] and found == [pytest.approx((6, 1)), pytest.approx((4, 4 / 6))]


def test_the_rows_of_the_networks(capsys, monkeypatch):
    two = backbones.Networks((("shapes", "model.head.channels=8"), ("shapes",)), (64, 64), 3)
    monkeypatch.setitem(backbones.NETWORKS, "published", two)
    call(backbones.COMMAND, ["networks=published", "rounds=1"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["changed"] for row in rows] == ["model.head.channels=8", ""] and rows[0]["share"] == "1.00"
    assert all(float(row["seconds"]) > 0 for row in rows)
