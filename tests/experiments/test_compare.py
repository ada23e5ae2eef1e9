"""Comparisons: what they run, keep, score and print."""

import csv
import os
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from cornernet.checkpoints import checkpoint
from cornernet.errors import Interrupted
from cornernet.experiments import compare, planning, points, recording
from cornernet.system import locking

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
COSTS = "seeds", "steps", "minutes", "images/s", "MiB"
FAST = "train.steps=2", "train.eval_every=0", "train.save_every=0"


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory):
    """A comparison of two heatmap losses with two kernels -> its overrides, its folder and what it printed."""
    folder = tmp_path_factory.mktemp("compared")
    overrides = ["loss.heatmap.name=[neg,bce]", "test.kernel=[3,5]", *FAST]
    rows, where = compare.compare(str(tiny), overrides, out=folder)
    assert where == folder
    return overrides, folder, compare.markdown(rows)


def test_it_prints_a_line_for_every_combination(finished):
    _, folder, text = finished
    figures, _, said = text.partition("\n\n")
    assert said == "Differences cannot be told with one seed: two or more show a spread."
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in figures.splitlines()]
    assert lines[0] == ["loss.heatmap.name", "test.kernel", "AP", "AP50", "AP75", "AP90", *COSTS]
    assert [line[:2] for line in lines[2:]] == [["neg", "3"], ["neg", "5"], ["bce", "3"], ["bce", "5"]]
    assert text in (folder / "comparison.md").read_text() and (folder / "forest.png").stat().st_size > 5000
    with open(folder / "comparison.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 and {row["seed"] for row in rows} == {"317"} and float(rows[0]["AP"]) >= 0


def test_the_training_is_that_of_the_tool(finished):
    _, folder, _ = finished
    for name in ("neg", "bce"):
        (run,) = folder.glob(f"{name}-317-*")
        assert f"name: {name}" in (run / "config.yaml").read_text() and "AP50" in (run / "train.txt").read_text()
        assert len(list(run.glob("scored-*/metrics.json"))) == 1  # kernel 3 is how it was tested in training


def test_what_is_finished_is_not_done_again(finished, tiny, monkeypatch):
    overrides, folder, text = finished
    monkeypatch.setattr(compare.subprocess, "Popen", None)
    monkeypatch.setattr(recording, "evaluate_checkpoint", None)
    assert compare.markdown(compare.compare(str(tiny), overrides, out=folder)[0]) == text
    monkeypatch.undo()
    with monkeypatch.context() as patched:  # another way of testing is scored, not trained
        patched.setattr(compare.subprocess, "Popen", None)
        again, _ = compare.compare(str(tiny), [*overrides, "test.top_k=5"], out=folder)
    assert len(again) == 4


@pytest.mark.slow
def test_a_training_that_fails_is_named_and_the_others_are_run(tiny, tmp_path, capfd):
    overrides = ["train.init=[missing.pt,'']", *FAST]
    with pytest.raises(ValueError, match=r"1 of 2 trainings failed: missing\.pt seed 317"):
        compare.compare(str(tiny), overrides, out=tmp_path)
    assert "there is no checkpoint missing.pt" in capfd.readouterr().err
    with (tmp_path / "comparison.csv").open(newline="") as file:
        assert [(row["train.init"], row["seed"]) for row in csv.DictReader(file)] == [("''", "317")]


def ending(code, commands=None):
    """A process that ends with a code at once."""

    class Ended:
        pid = 0

        def __init__(self, command, **_):
            (commands if commands is not None else []).append(command)

        def wait(self):
            return code

    return Ended


@pytest.mark.parametrize("code", [130, 143])
def test_a_stopped_training_stops_the_comparison(tiny, tmp_path, monkeypatch, code):
    monkeypatch.setattr(compare.subprocess, "Popen", ending(code))
    with pytest.raises(Interrupted, match="the same command goes on") as caught:
        compare.compare(str(tiny), [], seeds=2, out=tmp_path)
    assert caught.value.number == code - 128


SAVING = """
import os, signal, sys, time

def save(number, _):
    open(sys.argv[-2].partition("=")[2] + "/saved", "w").close()
    sys.exit(128 + number)

signal.signal({number}, save)
os.kill(os.getppid(), {number})
time.sleep(60)
"""  # in place of a training, without torch


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_handed_on_to_the_training_and_ends_the_comparison(tiny, tmp_path, monkeypatch, number):
    monkeypatch.setattr(compare, "TRAIN", ["-S", "-c", SAVING.format(number=int(number))])
    with pytest.raises(Interrupted, match="the same command goes on") as caught:
        compare.compare(str(tiny), [], seeds=2, out=tmp_path)
    assert caught.value.number == number and len(list(tmp_path.glob("*/saved"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_lets_the_training_save_before_the_comparison_ends(tiny, tmp_path, number):
    command = [sys.executable, TOOLS / "compare_losses.py", tiny, "loss.heatmap.name=[neg,bce]",
               "train.steps=5000", "train.eval_every=0", "train.save_every=0", f"out={tmp_path}"]  # fmt: skip
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_DFL),  # whoever ignores hangups here
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not any(log.read_text() for log in tmp_path.glob("neg-*/log.csv")):
        time.sleep(0.05)
    process.send_signal(number)  # to the comparison alone, as a scheduler does
    _, err = process.communicate(timeout=120)
    assert process.returncode == 128 + number and "the same command goes on" in err, err
    assert len(list(tmp_path.glob("*/last.pt"))) == 1 and not list(tmp_path.glob("bce-*"))


# -- shared grids -----------------------------------------------------------------------------------------------


GRID = ["train.lr=[1e-3,1e-4]", "train.steps=4"]


def test_comparisons_share_a_grid(tiny, tmp_path, quick):
    tables, comparing = (
        [],
        lambda: tables.append(compare.markdown(compare.compare(str(tiny), GRID, seeds=[317], out=tmp_path)[0])),
    )
    threads = [threading.Thread(target=comparing) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(quick.done) == len(set(quick.done)) == 2
    assert len(tables) == 2 and len(set(tables)) == 1 and len(tables[0].splitlines()) == 6
    assert tables[0] in (tmp_path / "comparison.md").read_text() and not list(tmp_path.rglob(".*"))


def first_folder(tiny, tmp_path):
    folder = points.points(planning.plan(tiny, GRID, seeds=[317], out=tmp_path), {})[0].folder
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("file", [compare.CLAIM, locking.FILE], ids=["comparison", "training that lost its comparison"])
@pytest.mark.parametrize("ends", ["finished", "failed"])
def test_what_is_done_elsewhere_is_waited_for(tiny, tmp_path, quick, caplog, monkeypatch, file, ends):
    """The rest comes first; what the other has not finished is done here."""
    caplog.set_level("INFO", logger="cornernet")
    folder = first_folder(tiny, tmp_path)
    other = locking.Lock(folder, file=file)

    def end(seconds):
        assert len(quick.done) == 1 and folder not in quick.done
        if ends == "finished":
            quick.finish(folder)
        other.release()

    monkeypatch.setattr(compare, "time", SimpleNamespace(sleep=end))
    rows, _ = compare.compare(str(tiny), GRID, seeds=[317], out=tmp_path)
    assert len(rows) == 2
    assert quick.done[1:] == ([folder] if ends == "failed" else [])
    waiting = [line for line in caplog.messages if line.startswith("waiting")]
    assert waiting == [f"waiting for what is done elsewhere: 1e-3 seed 317 ({locking._name()})"]


def test_a_point_whose_comparison_died_is_taken_over(tiny, tmp_path, quick):
    folder = first_folder(tiny, tmp_path)
    (folder / compare.CLAIM).write_text("another-host, process 7\n")
    compare.compare(str(tiny), GRID, seeds=[317], out=tmp_path)
    assert quick.done[0] == folder and len(quick.done) == 2


@pytest.mark.slow
def test_two_comparisons_end_with_one_table(tiny, tmp_path):
    """One of which is killed on the way."""
    command = [sys.executable, TOOLS / "compare_losses.py", tiny, "loss.heatmap.name=[neg,bce]", "seeds=2",
               "train.steps=30", "train.eval_every=0", "train.save_every=5", f"out={tmp_path}"]  # fmt: skip
    three = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)
    ]
    while not list(tmp_path.glob("*/last.pt")):
        time.sleep(0.05)
    three[0].kill()  # its training lives on
    ended = [process.communicate(timeout=300) for process in three]
    assert [process.returncode for process in three] == [-9, 0, 0], ended
    assert ended[1][0] == ended[2][0] and ended[1][0].strip() in (tmp_path / "comparison.md").read_text()
    with (tmp_path / "comparison.csv").open(newline="") as file:
        rows = [(row["loss.heatmap.name"], row["seed"]) for row in csv.DictReader(file)]
    assert rows == [("neg", "317"), ("neg", "318"), ("bce", "317"), ("bce", "318")]
    assert [checkpoint.load(path)["step"] for path in tmp_path.glob("*/last.pt")] == [30] * 4
    started = "\n".join(err for _, err in ended).count("run folder")
    assert started == 4


def test_several_processes_go_through_torchrun(tiny, tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(compare.subprocess, "Popen", ending(1, commands))
    with pytest.raises(ValueError, match="2 of 2"):
        compare.compare(str(tiny), [], seeds=2, processes=3, out=tmp_path)
    assert commands[1][1:5] == ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=3"]
    assert commands[1][5:9] == ["-m", "cornernet", "train", str(tiny)] and "seed=318" in commands[1]
    assert "train.eval_every=1" in commands[1]  # six evaluations or as many as there are steps


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("loss.heatmap.name=[neg,nag]", "unknown heatmap loss 'nag', did you mean neg"),
        ("loss.grouping=[{name: ae},{name: half_sides}]", "needs model.head.tag_dim=2"),
        ("test.kernel=[3,4]", "test.kernel must be a positive odd number"),
    ],
)
def test_a_slip_fails_before_the_first_training(tiny, tmp_path, monkeypatch, wrong, message):
    monkeypatch.setattr(compare.subprocess, "Popen", None)
    with pytest.raises(ValueError, match=re.escape(message)):
        compare.compare(str(tiny), [wrong], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_results_that_cannot_be_written_are_no_surprise_at_the_end(tiny, tmp_path, quick):
    (tmp_path / "results").write_text("")
    with pytest.raises(OSError, match="results"):
        compare.compare(str(tiny), ["train.lr=[1e-3,1e-4]"], out=tmp_path / "out", results=tmp_path / "results")
    assert not quick.done


def test_what_the_seeds_say_of_every_two_stands_below(finished):
    _, folder, _ = finished
    with open(folder / "differences.csv", newline="") as file:
        held = list(csv.DictReader(file))
    assert len(held) == 6 and {row["seeds"] for row in held} == {"1"}
