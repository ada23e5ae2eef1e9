"""Means over steps, and what is not a number."""

import csv
from types import SimpleNamespace

import pytest
import torch

from cornernet.journal import Journal, check_finite


@pytest.fixture
def accelerator():
    return SimpleNamespace(is_main_process=True, reduce=lambda values, how: values)


def test_rows_are_means_since_the_last(tmp_path, accelerator):
    with Journal(tmp_path, 0, 4, accelerator) as journal:
        for step, value in enumerate([1.0, 3.0, 5.0, 7.0], 1):
            journal.tick({"a": torch.tensor(value, requires_grad=True), "b": torch.tensor(1.0)}, 2)
            if step % 2 == 0:
                journal.flush(step, 0.1)
        journal.flush(4, 0.1)  # nothing new, no row
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], row["a"], row["b"], row["lr"]) for row in rows] == [
        ("2", "2", "1", "0.1"),
        ("4", "6", "1", "0.1"),
    ]
    assert all(float(row["images_per_s"]) > 0 for row in rows)


def test_means_are_taken_over_the_processes(tmp_path):
    accelerator = SimpleNamespace(is_main_process=True, reduce=lambda values, how: (values + 1) / 2)
    with Journal(tmp_path, 0, 1, accelerator) as journal:
        journal.tick({"a": torch.tensor(3.0)}, 1)
        journal.flush(1, 0.1)
    assert (tmp_path / "log.csv").read_text().splitlines()[1].endswith(",2")


def test_other_processes_write_nothing(tmp_path):
    accelerator = SimpleNamespace(is_main_process=False, reduce=lambda values, how: values)
    with Journal(tmp_path, 0, 1, accelerator) as journal:
        journal.tick({"a": torch.tensor(3.0)}, 1)
        journal.flush(1, 0.1)
        journal.evaluation(1, None, None, None, None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_every_term_is_named_when_one_is_not_finite(tmp_path, accelerator, value):
    with Journal(tmp_path, 0, 9, accelerator) as journal:
        journal.tick({"focal": torch.tensor(0.5), "pull": torch.tensor(value)}, 1)
        journal.tick({"focal": torch.tensor(0.5), "pull": torch.tensor(1.0)}, 1)
        with pytest.raises(FloatingPointError, match=r"not finite at step 7: focal=0\.5, pull=-?(nan|inf); nothing"):
            journal.flush(7, 0.1)
    assert not (tmp_path / "log.csv").exists()


def test_finite_terms_pass():
    check_finite({"a": 1e38, "b": -1e38}, 3)
