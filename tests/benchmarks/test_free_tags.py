"""Tags that move freely: what counts as right and as found, and the rows that are printed."""

import csv
import io

import pytest
import torch

from benchmarks import free_tags
from cornernet.cli.commandline import call


def test_right_is_the_assignments_and_found_is_also_near():
    tl = torch.tensor([[[0.0], [2.0], [4.0], [9.0]], [[0.0], [0.4], [9.0], [9.0]]])
    br = torch.tensor([[[0.1], [2.7], [4.0], [0.0]], [[0.4], [0.0], [0.0], [9.0]]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]]).bool()
    assert free_tags.shares(tl, br, mask) == pytest.approx((3 / 5, 2 / 5))


def test_the_rows_of_the_losses(capsys):
    call(free_tags.COMMAND, ["losses=permutation_hung,ae", "seeds=1", "steps=2"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["loss"], row["steps"]) for row in rows] == [("permutation_hung", "2"), ("ae", "2")]
    assert all(0 <= float(row["found"]) <= float(row["right"]) <= 1 for row in rows)


def test_a_loss_that_needs_corners_is_refused():
    with pytest.raises(ValueError, match="must be some of ae, contrastive, "):
        free_tags._losses("ae,offset_matching")
