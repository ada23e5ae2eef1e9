"""Fast paths beside plain ones: who comes when, what is switched, and the rows that are printed."""

import csv
import io

import pytest

from benchmarks import micro_optimisations
from cornernet.cli.commandline import call
from cornernet.ops import corner_pool


def test_ways_take_turns_and_ratios_are_medians(monkeypatch):
    clock, plain, order = [0.0], [], corner_pool.pays

    def work(number):
        plain.append(corner_pool.pays is not order)
        clock[0] += (1, 2, 4)[number] * (3 if plain[-1] else 1)

    monkeypatch.setattr(micro_optimisations.time, "process_time", lambda: clock[0])
    found = micro_optimisations.compare(work, "running_max", 3)
    assert plain == [False, True, True, False, False, True] and corner_pool.pays is order
    assert found == pytest.approx([2, 6, 3, 3, 3])


def test_the_rows_of_a_config(tiny, capsys, monkeypatch):
    monkeypatch.setattr(micro_optimisations, "STEPS", 1)
    call(micro_optimisations.COMMAND, [str(tiny), "rounds=1"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["work"], row["measured"], row["variant"]) for row in rows] == [
        ("tiny", measured, variant) for measured in ("step", "evaluation") for variant in micro_optimisations.PATHS
    ]
    assert all(float(row["fast_s"]) > 0 and float(row["plain_s"]) > 0 for row in rows)
