"""Processes of one training: one that stops, hangs or does something else is named, and none waits for ever."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cornernet.training.peers import Peers, Seen, Told

ROOT = Path(__file__).resolve().parents[2]
TRAIN = ROOT / "tools" / "train.py"
LONG = ["train.steps=5000", "train.eval_every=0", "train.save_every=5", "train.log_every=1", "train.resume=auto"]


def pair(tiny, folder, *overrides, tool=TRAIN, own=((), ())):
    """Start two processes as a launcher does, each with overrides of its own -> both."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    told = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            [sys.executable, tool, tiny, f"work_dir={folder}", *LONG, *overrides, *own[rank]],
            env={**os.environ, **told, "RANK": str(rank), "LOCAL_RANK": str(rank), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip


def steps(folder):
    """Rows of the log so far."""
    log = folder / "log.csv"
    return log.read_text().count("\n") - 1 if log.exists() else 0


def until(processes, folder, step):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and steps(folder) < step and all(p.poll() is None for p in processes):
        time.sleep(0.05)


def ends(processes):
    """What all wrote and how they ended; none may outlive the test."""
    try:
        return [(process.communicate(timeout=200)[1], process.returncode) for process in processes]
    finally:
        for process in processes:
            process.kill()


@pytest.mark.slow
def test_a_stopped_rank_is_named_within_the_limit(tiny, tmp_path):
    both = pair(tiny, tmp_path / "run", "data.timeout=5")
    until(both, tmp_path / "run", 7)
    both[1].send_signal(signal.SIGSTOP)
    since = time.monotonic()
    (err, code), (_, stopped) = ends(both)
    assert code == 1 and time.monotonic() - since < 10, err
    assert "error: rank 1 of 2 processes did not answer or get on for 5 seconds (data.timeout)" in err
    assert "train.resume=auto goes on from the last save" in err and "Traceback" not in err
    assert stopped == -signal.SIGKILL  # else a launcher would wait for it
    assert (tmp_path / "run" / "last.pt").exists()


HANGS = """
import os, sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from cornernet import config
from cornernet.cli import commandline
from cornernet.data.sources.shapes import ShapesSet
from cornernet.evaluation import evaluate
from cornernet.training import engine, saving
rank, image, save = int(os.environ["RANK"]), ShapesSet.image, saving.checkpoint.save
score = evaluate.scoring.score
slow, stuck = "slow" in sys.argv[-1], "stuck" in sys.argv[-1]

def saved(*a, **k):
    time.sleep(4 * slow)
    save(*a, **k)

def scored(*a, **k):
    time.sleep(4 * slow * (rank == 0))
    return score(*a, **k)

def read(self, i, count=[0]):
    count[0] += 1
    if stuck and rank == 1 and count[0] > 20:
        time.sleep(1000)
    return image(self, i)

saving.checkpoint.save, evaluate.scoring.score, ShapesSet.image = saved, scored, read
sys.argv = sys.argv[:-1]
main = commandline.Command(lambda path, keys: engine.train(config.load(path, keys)), "")
commandline.call(main, sys.argv[1:])
"""


@pytest.fixture
def tool(tmp_path):
    """A training tool whose last argument says what takes long, or for ever, in which process."""
    path = tmp_path / "tool.py"
    path.write_text(HANGS.format(root=str(ROOT)))
    return path


@pytest.mark.slow
def test_a_rank_whose_main_thread_hangs_is_named(tiny, tmp_path, tool):
    both = pair(tiny, tmp_path / "run", "data.timeout=5", "stuck", tool=tool)
    (err, code), _ = ends(both)
    assert code == 1 and "error: rank 1 of 2 processes did not answer or get on for 5 seconds" in err, err


@pytest.mark.slow
def test_saving_and_evaluation_take_as_long_as_they_take(tiny, tmp_path, tool):
    short = ["data.timeout=2", "train.steps=4", "train.save_every=2", "train.eval_every=4"]
    assert [code for _, code in ends(pair(tiny, tmp_path / "run", *short, "slow", tool=tool))] == [0, 0]


@pytest.mark.slow
def test_the_first_rank_is_named_though_its_store_stops_with_it(tiny, tmp_path):
    both = pair(tiny, tmp_path / "run", "data.timeout=5")
    until(both, tmp_path / "run", 7)
    both[0].send_signal(signal.SIGSTOP)
    assert both[1].wait(timeout=30) == 1
    both[0].kill()
    assert "error: rank 0 of 2 processes did not answer" in both[1].communicate()[1]


@pytest.mark.slow
def test_ranks_that_differ_are_told_apart_before_the_first_step(tiny, tmp_path):
    both = pair(tiny, tmp_path / "run", own=(["train.lr=0.5"], ["train.lr=0.25"]))
    for err, code in ends(both):
        assert code == 2, err
        text = "error: the processes are not about to do the same: rank 1 has train.lr 0.25 where rank 0 has 0.5\n"
        assert err.endswith(text) and "Traceback" not in err
    assert not (tmp_path / "run").exists()


# -- one process's view -------------------------------------------------------------------------------------------


@pytest.fixture
def watch(monkeypatch):
    """Rank 0 of 3, whose limit is 60 seconds, and whose training has done 10 parts of steps."""
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "0")
    found = Peers(60)
    found.place, found.patient = 10, False
    return found


def other(*told):
    """What is known of a process that said this, (seconds, place, patient) each time."""
    seen = Seen("", 0.0)
    for at, place, patient in told:
        seen.hear(f"{at} {place} {patient} here:1", at)
    return seen


@pytest.mark.parametrize(
    ("known", "now", "stopped"),
    [
        (other((0, 10, False), (50, 10, False)), 100, False),
        (other((0, 10, False), (50, 10, False)), 111, True),  # silent
        (other((0, 10, True), (50, 10, True)), 111, True),  # silent in an evaluation
        (other((0, 9, False), (60, 9, False)), 100, True),  # alive, and behind
        (other((0, 9, False), (60, 9, False)), 61, False),
        (other((0, 9, True), (60, 9, True)), 100, False),  # alive, and evaluating
        (other((0, 9, True), (60, 9, False)), 100, False),  # until a moment ago
        (other((0, 10, False), (60, 10, False)), 100, False),  # as far as this one
        (other(), 119, False),  # still starting
        (other(), 121, True),
    ],
)
def test_who_counts_as_stopped(watch, known, now, stopped):
    watch.seen = {1: known}
    assert watch._stopped(known, now) is stopped


def test_one_that_left_in_order_is_not_missed(watch):
    known = other((0, 9, False))
    known.hear("left", 5.0)
    assert not watch._stopped(known, 1000.0)


def test_what_an_earlier_start_left_behind_says_nothing():
    known = Seen("left", 0.0)
    known.hear("left", 1.0)
    assert not known.gone and not known.came
    known.hear("1 0 True here:1", 2.0)
    assert known.came and known.told == Told(1, 0, True, "here:1")


def test_alone_or_without_a_limit_nothing_is_watched(monkeypatch):
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    for world, timeout in (("1", 5), ("2", 0)):
        monkeypatch.setenv("WORLD_SIZE", world)
        with Peers(timeout) as watch:
            assert not any(thread.is_alive() for thread in watch.threads)
