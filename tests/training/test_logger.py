"""Means over steps, and what is not a number."""

import csv
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from cornernet.training.logger import RunLogger


@pytest.fixture
def accelerator():
    return SimpleNamespace(is_main_process=True, device=torch.device("cpu"), reduce=lambda values, how: values)


def test_rows_are_means_since_the_last(tmp_path, accelerator):
    with RunLogger(tmp_path, 0, 4, accelerator) as journal:
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
    assert all(float(row["images_per_s"]) > 0 and float(row["memory_mib"]) > 50 for row in rows)


def test_means_are_taken_over_the_processes(tmp_path):
    other = torch.tensor([0.0, 1.0])  # bad steps and the term there
    cpu = torch.device("cpu")
    accelerator = SimpleNamespace(is_main_process=True, device=cpu, reduce=lambda values, how: (values + other) / 2)
    with RunLogger(tmp_path, 0, 1, accelerator) as journal:
        journal.tick({"a": torch.tensor(3.0)}, 1)
        journal.flush(1, 0.1)
    assert (tmp_path / "log.csv").read_text().splitlines()[1].endswith(",2")


def test_other_processes_write_nothing(tmp_path, accelerator):
    accelerator.is_main_process = False
    with RunLogger(tmp_path, 0, 1, accelerator) as journal:
        journal.tick({"a": torch.tensor(3.0)}, 1)
        journal.flush(1, 0.1)
        journal.curves()
        journal.evaluation(None, None, None, None)
    assert not list(tmp_path.iterdir())


def test_curves_are_drawn_anew_from_what_is_logged(tmp_path, accelerator, drawn):
    with RunLogger(tmp_path, 0, 2, accelerator) as journal, drawn():
        images = []
        for step in (1, 2):
            journal.tick({"a": torch.tensor(float(step))}, 1)
            journal.flush(step, 0.1)
            before = journal.since
            journal.curves()
            images.append((tmp_path / "curves.png").read_bytes())
            assert journal.since > before  # drawing is not counted as training
    assert images[0] != images[1]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_means_leave_bad_steps_out_and_count_them(tmp_path, accelerator, value):
    with RunLogger(tmp_path, 0, 9, accelerator) as journal:
        for step, (term, bad) in enumerate([(2.0, 0), (value, 1), (4.0, 0), (5.0, 0)], 1):
            journal.tick({"a": torch.tensor(term)}, 1, bad=torch.tensor(float(bad)))
            if step > 2:
                journal.flush(step, 0.1)
    with open(tmp_path / "log.csv", newline="") as file:
        assert [(row["step"], row["a"], row["skipped"]) for row in csv.DictReader(file)] == [
            ("3", "3", "1"),
            ("4", "5", ""),
        ]


def test_without_a_good_step_there_is_no_row(tmp_path, accelerator):
    with RunLogger(tmp_path, 0, 9, accelerator) as journal:
        journal.tick({"a": torch.tensor(float("nan"))}, 1, bad=torch.tensor(1.0))
        journal.flush(1, 0.1)
        assert not (tmp_path / "log.csv").exists()
        journal.tick({"a": torch.tensor(2.0)}, 1, bad=torch.tensor(0.0))
        journal.flush(2, 0.1)
    assert (tmp_path / "log.csv").read_text().splitlines()[1].endswith(",2")


def test_a_full_disk_costs_rows_and_not_the_run(tmp_path, accelerator, full_disk, caplog):
    with RunLogger(tmp_path, 0, 9, accelerator) as journal:
        for step in (1, 2, 3):
            journal.tick({"a": torch.tensor(float(step))}, 1)
            with full_disk("log.csv") if step < 3 else nullcontext():  # then there is room again
                journal.flush(step, 0.1)
            assert not list(tmp_path.glob(".*.part*"))
    with open(tmp_path / "log.csv", newline="") as file:
        assert [row["a"] for row in csv.DictReader(file)] == ["1", "2", "3"]
    assert len(caplog.records) == 1 and "log.csv could not be written: No space left" in caplog.text


def test_objects_without_a_slot_are_counted_aloud(tmp_path, accelerator, caplog):
    with RunLogger(tmp_path, 0, 3, accelerator) as journal:
        for step, cut in enumerate([0, 2, 3], 1):
            journal.tick({"a": torch.tensor(1.0)}, 1, torch.tensor(cut))
            journal.flush(step, 0.1)
    assert [record.getMessage().split(" so far")[0] for record in caplog.records] == ["2 objects", "5 objects"]
