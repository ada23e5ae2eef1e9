"""The frontier of speeds: which rows are on it, and that all of a table are drawn."""

import pytest

from benchmarks import frontier
from cornernet.cli.commandline import call


def test_what_is_slower_and_no_better_is_not_on_it():
    points = [(40, 0.60), (10, 0.50), (20, 0.50), (30, 0.45), (50, 0.60), (10, 0.48), (90, 0.61)]
    assert frontier.frontier(points) == [(10, 0.50), (40, 0.60), (90, 0.61)]
    assert frontier.frontier([]) == []


def test_points_that_lie_together_share_a_label():
    def row(name, form, ms, ap, flip="false"):
        return {"name": name, "form": form, "precision": "fp32", "flip": flip, "ms": ms, "AP": ap}

    rows = [row("a", "ONNX", "21.5", "0.5"), row("a", "PyTorch", "20", "0.5"), row("a", "PyTorch", "40", "0.5", "true"),
            row("a", "PyTorch", "20.5", "0.6"), row("b", "PyTorch", "20.5", "0.5")]  # fmt: skip
    assert frontier.labels(rows) == [
        ("PyTorch fp32; ONNX fp32", (20, 0.5)), ("PyTorch fp32, flip", (40, 0.5)), ("PyTorch fp32", (20.5, 0.6)),
        ("PyTorch fp32", (20.5, 0.5)),
    ]  # fmt: skip


def test_the_table_of_the_docs_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    call(frontier.COMMAND, ["docs/results/speed.csv", str(tmp_path / "x.svg")])
    assert (tmp_path / "x.svg").read_text().count("<use") >= 12
