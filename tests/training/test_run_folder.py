"""Folders of runs and the tables in them."""

import csv
import errno
import os

import pytest

from cornernet.training import run_folder
from cornernet.training.run_folder import Table, folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(*names):
    for name in names:
        run_folder.Path(name).mkdir(parents=True)


def test_runs_are_numbered():
    assert str(folder("", "a", "")) == "runs/a"
    make("runs/a")
    assert str(folder("", "a", "")) == "runs/a-2"
    make("runs/a-2", "runs/a-10", "runs/a-x", "runs/ab")
    assert str(folder("", "a", "")) == "runs/a-11"


def test_auto_resumes_the_latest_number():
    make("runs/a", "runs/a-2", "runs/a-10")
    assert str(folder("", "a", "auto")) == "runs/a-10"
    assert str(folder("", "b", "auto")) == "runs/b"


@pytest.mark.parametrize("name", ["a[b]", "a*", "a.b+c"])
def test_names_are_not_patterns(name):
    make(f"runs/{name}")
    assert str(folder("", name, "")) == f"runs/{name}-2"


@pytest.mark.parametrize("held", ["last.pt", "best.pt", "log.csv"])
def test_a_folder_with_a_run_is_not_used_again(held):
    make("mine")
    assert str(folder("mine", "a", "")) == "mine"
    run_folder.Path("mine", held).touch()
    for resume in ("", "other/last.pt"):
        with pytest.raises(ValueError, match=r"work_dir mine already holds a run; train\.resume=auto goes on"):
            folder("mine", "a", resume)
    assert str(folder("mine", "a", "auto")) == "mine"


def rows():
    with open("log.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_grows_by_rows_and_columns():
    table = Table(run_folder.Path("log.csv"), 0)
    table.add({"step": 1, "loss": 0.5})
    table.add({"step": 2, "loss": 1e-9})
    table.add({"step": 3, "pull": 2.0})
    table.add({"step": 4, "loss": 3.0})
    assert [tuple(row.values()) for row in rows()] == [
        ("1", "0.5", ""), ("2", "1e-09", ""), ("3", "", "2"), ("4", "3", ""),
    ]  # fmt: skip


def test_resuming_drops_what_came_after_the_step():
    table = Table(run_folder.Path("log.csv"), 0)
    for step in (2, 4, 6):
        table.add({"step": step, "loss": 0.1})
    Table(run_folder.Path("log.csv"), 4).add({"step": 5, "loss": 0.2})
    assert [row["step"] for row in rows()] == ["2", "4", "5"]


@pytest.mark.parametrize(
    "damage", ["3,0.12", "3", "3,0.1\n,\n", "x,0.1\n", "\x00\x00\n", "step,loss\n", "\n\n"], ids=repr
)
def test_what_a_crash_left_behind_is_dropped(damage):
    run_folder.Path("log.csv").write_text("step,loss\n1,0.5\n2,0.25\n" + damage)
    table = Table(run_folder.Path("log.csv"), 9)
    table.add({"step": 4, "loss": 0.125})
    assert [(row["step"], row["loss"]) for row in rows() if row["step"] != "3"] == [
        ("1", "0.5"), ("2", "0.25"), ("4", "0.125"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "\n", "a,b\n1,2\n"])
def test_a_file_that_is_no_table_is_started_anew(text):
    run_folder.Path("log.csv").write_text(text)
    Table(run_folder.Path("log.csv"), 9).add({"step": 4, "loss": 0.125})
    assert [dict(row) for row in rows()] == [{"step": "4", "loss": "0.125"}]


# -- launches and full disks ------------------------------------------------------------------------------------


def test_a_launch_without_a_name_is_that_of_its_agent(monkeypatch):
    assert run_folder.launch() == ""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert run_folder.launch().endswith(f" {os.getppid()}")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-7")
    assert run_folder.launch() == "job-7"


def test_a_restarted_launch_finds_the_numbered_folder_that_it_made(monkeypatch):
    make("runs/a", "runs/a-2", "runs/a-3")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-7")
    run_folder.mark(run_folder.Path("runs/a-2"))
    assert run_folder.again("", "a") is None
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    assert str(run_folder.again("", "a")) == "runs/a-2" and run_folder.again("mine", "a") is None
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-8")
    assert run_folder.again("", "a") is None


def test_a_row_that_was_cut_off_by_a_full_disk_does_not_spoil_the_next(monkeypatch):
    table = Table(run_folder.Path("log.csv"), 0)
    table.add({"step": 1, "loss": 0.5})

    class Short(csv.DictWriter):
        def writerows(self, rows):
            self.writer.writerow(["2", "0."])
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(run_folder.csv, "DictWriter", Short)
        table.add({"step": 2, "loss": 0.25})
    table.add({"step": 3, "loss": 0.125})
    assert rows() == [{"step": "1", "loss": "0.5"}, {"step": "2", "loss": "0.25"}, {"step": "3", "loss": "0.125"}]


def test_several_rows_are_added_at_once():
    table = Table(run_folder.Path("log.csv"), 0)
    for step in (1, 2):
        table.add({"step": step, "class": "a, b"}, {"step": step, "class": "c"})
    table.add({"step": 3, "class": "c"}, {"step": 3, "class": "d", "more": 1})
    assert [(row["step"], row["class"]) for row in rows()] == [
        ("1", "a, b"), ("1", "c"), ("2", "a, b"), ("2", "c"), ("3", "c"), ("3", "d")
    ]  # fmt: skip
    assert [row["more"] for row in rows()] == [""] * 5 + ["1"]


def test_a_full_disk_does_not_cost_the_rows_that_are_there(full_disk):
    table = Table(run_folder.Path("log.csv"), 0)
    table.add({"step": 1, "loss": 0.5})
    with full_disk("log.csv"), pytest.raises(OSError, match="No space"):
        table.add({"step": 2, "loss": 0.25, "more": 1})
    assert rows() == [{"step": "1", "loss": "0.5"}]


def test_what_the_disk_does_not_take_is_said_once_and_spared(caplog):
    for number in (errno.ENOSPC, errno.EIO, errno.EROFS):
        with run_folder.outliving_the_disk("log.csv of this test"):
            raise OSError(number, "No space left on device")
    assert [record.getMessage() for record in caplog.records] == [
        "log.csv of this test could not be written: No space left on device; the run goes on without"
    ]
    with pytest.raises(ValueError, match="broken"), run_folder.outliving_the_disk("x"):
        raise ValueError("broken")


def test_zeros_that_a_crash_left_in_a_table_are_left_out(tmp_path):
    file = tmp_path / "log.csv"
    file.write_bytes(b"step,total\n10,1.5\n" + bytes(20) + b"\n20,1." + bytes(2) + b"\n30,0.5\n40,0." + bytes(9))
    assert [row["step"] for row in Table(file, 100).rows] == ["10", "30"]
    assert bytes(1) not in file.read_bytes()
