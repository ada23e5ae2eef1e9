"""The tables of the family: means and spreads by hand, and the page, which holds what its rows say."""

from pathlib import Path

import pytest

from benchmarks import family_table, results

DOCS = Path(__file__).parents[2] / "docs"


def _run(member, ap, precision="fp32", steps="300"):
    figures = {"AP": ap, "AP50": "0.9", "AP_any_class": "0.8", "FDR": "0.01"}
    ran = {"set": "cards", "member": member, "region": "none", "steps": steps, "precision": precision}
    return ran | {"parameters": "1234567"} | figures


def test_seeds_become_a_mean_and_a_spread_and_members_have_their_order():
    steps = [{**_run(member, "0"), "ms_per_image": ms} for member, ms in (("points", "88.4"), ("cornernet", "118.6"))]
    runs = [_run("points", "0.5"), _run("cornernet", "0.2"), _run("cornernet", "0.4", "bf16")]
    assert family_table.tables(runs, steps)[0].splitlines()[2:] == [
        "| cornernet |  | 2 | bf16, fp32 | 300 | 0.300 ± 0.141 | 0.900 ± 0.000 | 0.800 ± 0.000 | 0.010 ± 0.000 | 119 |"
        " 1.23 M |",
        "| points |  | 1 | fp32 | 300 | 0.500 | 0.900 | 0.800 | 0.010 | 88 | 1.23 M |",
    ]


def test_runs_of_other_steps_are_no_seeds():
    with pytest.raises(ValueError, match=r"cards, points, none: runs of .* steps are no seeds of one another"):
        family_table.tables([_run("points", "0.5"), _run("points", "0.5", steps="150")], [
            {**_run("points", "0"), "ms_per_image": "88"}
        ])  # fmt: skip


def test_the_page_says_what_its_rows_say():
    rows = [results.read(DOCS / "results" / name) for name in ("family.csv", "family_steps.csv")]
    page = (DOCS / "family.md").read_text(encoding="utf-8")
    made = family_table.tables(*rows)
    assert made and [table for table in made if table not in page] == []
