"""Loader processes that die or hang are named with the image that they held, and none is left behind."""

import contextlib
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cornernet.checkpoints import checkpoint
from cornernet.config import Data
from cornernet.data.loader import train_loader
from cornernet.data.sources.shapes import ShapesSet
from cornernet.data.workers import NOTHING, Held, Watch
from cornernet.errors import Failed, Interrupted

ROOT = Path(__file__).resolve().parent.parent.parent
BAD = 5


class Trap(ShapesSet):
    """Shapes, but something happens to whoever loads image 5."""

    def __init__(self, happens):
        super().__init__("train", 12, 32, 2, 0)
        self.happens = happens

    def image(self, i):
        if i == BAD:
            self.happens()
        return super().image(i)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def hangs():
    time.sleep(1000)


def stopped():
    os.kill(os.getpid(), signal.SIGSTOP)


def leaves():
    os._exit(3)


def own_error():
    raise RuntimeError("a fault of the program, not DataLoader worker trouble")


def run(happens, timeout=0):
    """Load everything; the error's text, or "" where there is none."""
    source = Trap(happens)
    data = Data(name="shapes", input_size=(32, 32), workers=2, timeout=timeout, max_objects=4)
    loader = train_loader(data, source, 3, steps=4)
    try:
        with loader.watched():
            for _ in loader:
                pass
    except Failed as error:
        started = [pid for pid in loader.dataset.held.rows[:2, 0].tolist() if pid != NOTHING]
        assert started and all(gone(pid) for pid in started)  # the other one may not have come so far
        return str(error)
    assert loader.dataset.held.images([]) == []
    return ""


def gone(pid: int, seconds: float = 10) -> bool:
    """Whether a process ends in time; one that nobody has waited for yet is a zombie until then, which counts."""
    for _ in range(int(seconds * 20)):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(autouse=True)
def method(request):
    """How processes are started while the test lasts: by fork, as traps are lambdas and begin within a second."""
    before = multiprocessing.get_start_method()
    default = "fork" if "fork" in multiprocessing.get_all_start_methods() else before
    multiprocessing.set_start_method(getattr(request, "param", default), force=True)
    yield multiprocessing.get_start_method()
    multiprocessing.set_start_method(before, force=True)


def methods(fast: str):
    """Parameters for all ways to start a process, of which one is tried in the fast suite."""
    all_ = ("fork", "spawn", "forkserver")
    return [pytest.param(name, marks=() if name == fast else pytest.mark.slow) for name in all_]


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")


@needs_proc
@pytest.mark.parametrize(
    ("happens", "timeout", "message"),
    [
        (killed, 0, r"a loader process was ended by the signal 'Killed' \(as happens for want of memory"),
        (hangs, 2, r"made no batch for 2 seconds \(data\.timeout\): one hangs"),
        (stopped, 2, r"made no batch for 2 seconds"),
        (leaves, 0, r"a loader process died"),
    ],
)
def test_a_worker_in_trouble_is_named_with_its_image(happens, timeout, message):
    name = Trap(happens).record(BAD).file_name
    text = run(happens, timeout)
    assert re.search(message, text), text
    assert f"while it held {name}; train.resume=auto goes on" in text


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"], indirect=True)
@pytest.mark.parametrize(("happens", "timeout", "word"), [(killed, 0, "'Killed'"), (stopped, 20, "20 seconds")])
def test_a_worker_in_trouble_is_named_however_it_was_started(method, happens, timeout, word):
    text = run(happens, timeout)
    assert word in text and f"while it held {Trap(happens).record(BAD).file_name}; train.resume=auto" in text, text


@needs_proc
def test_workers_that_are_stopped_at_any_moment_do_not_hang_the_run():
    """Also while they hand a batch over, and when the run is interrupted instead."""
    source = Trap(lambda: None)
    data = Data(name="shapes", input_size=(32, 32), workers=2, timeout=2, max_objects=4)
    for error in (None, Interrupted(signal.SIGINT, "stopped")):
        loader = train_loader(data, source, 3, steps=400)
        start = time.monotonic()
        with pytest.raises(Failed if error is None else Interrupted), loader.watched():
            for number, _ in enumerate(loader):
                if number == 1:
                    for pid in loader.dataset.held.rows[:2, 0].tolist():
                        os.kill(pid, signal.SIGSTOP)
                    if error is not None:
                        raise error
        assert time.monotonic() - start < 60  # data.timeout is 2; a machine may be busy, a hang has no end
        assert all(gone(pid) for pid in loader.dataset.held.rows[:2, 0].tolist())


def test_workers_without_trouble_hold_nothing_in_the_end():
    assert run(lambda: None, timeout=30) == ""


def test_errors_of_the_program_are_not_blamed_on_workers():
    with pytest.raises(RuntimeError, match="a fault of the program") as caught:
        run(own_error)
    assert not isinstance(caught.value, Failed)


def test_other_errors_pass_through():
    for error in (RuntimeError("out of memory"), KeyError("x"), ValueError("y")):
        with pytest.raises(type(error)), Watch(Held(), str, 0):
            raise error


def test_without_workers_nothing_is_noted():
    held = Held()
    with held.holding(3):
        assert held.images([]) == []


def test_a_wait_that_torch_does_not_end_is_ended():
    """As in the middle of a batch that the dead will not complete; torch hears of no child of a fork server."""
    with (
        pytest.raises(Failed, match=r"made no batch for 0\.2 seconds"),
        Watch(Held(), str, 0.2) as watch,
        watch.waiting(),
    ):
        time.sleep(1000)


def test_what_goes_wrong_between_the_processes_is_a_sentence():
    with (
        pytest.raises(Failed, match=r"cannot hand over a batch: EOFError; more open files \(ulimit -n\)"),
        Watch(Held(), str, 0).waiting(),
    ):
        raise EOFError


def test_a_connection_that_breaks_since_a_worker_was_killed_names_the_signal():
    """Whichever of the two shows first: here the connection, a tenth of a second before the end of the process."""
    process = multiprocessing.Process(target=time.sleep, args=(1000,))
    process.start()
    threading.Timer(0.1, process.kill).start()
    with pytest.raises(Failed, match="signal 'Killed'"), Watch(Held(), str, 0) as watch:
        watch.workers = [process]
        with watch.waiting():
            raise ConnectionResetError(104, "Connection reset by peer")


START = """
import multiprocessing, runpy, sys
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv.pop(1))
    sys.argv.pop(0)
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


def training(method: str, config: Path, folder: Path, *knobs: str, **how) -> subprocess.Popen:
    """tools/train.py with two workers, started by this method, in a group of processes of its own."""
    start = folder.parent / "start.py"
    start.write_text(START)
    command = [sys.executable, start, method, ROOT / "tools" / "train.py", config, f"work_dir={folder}"]
    return subprocess.Popen([*command, "data.workers=2", *knobs], start_new_session=True, text=True, **how)


@contextlib.contextmanager
def endless(method: str, config: Path, folder: Path, until: str):
    """A training that goes on for ever, from the time on that this file is in its folder; all are ended behind it."""
    knobs = ["train.steps=100000", "train.eval_every=0", "train.save_every=2"]
    run = training(method, config, folder, *knobs, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 120
        while not (folder / until).exists():
            assert run.poll() is None and time.monotonic() < deadline, run.stderr.read()
            time.sleep(0.02)
        yield run
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def nobody_left(group: int, seconds: float = 20) -> bool:
    """Whether all processes of a group end in time."""
    for _ in range(int(seconds * 20)):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("method", methods("forkserver"))
def test_a_training_ends_by_itself_with_the_same_weights_however_its_workers_start(method, tiny, tiny_run, tmp_path):
    run = training(method, tiny, tmp_path / "run", stderr=subprocess.PIPE)
    try:
        _, err = run.communicate(timeout=120)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == 0, err
    assert nobody_left(run.pid)
    mine, theirs = (checkpoint.load(folder / "last.pt") for folder in (tmp_path / "run", tiny_run))
    assert mine["rng"].equal(theirs["rng"])
    for part in ("model", "averaged"):
        assert all(mine[part][key].equal(value) for key, value in theirs[part].items())


@needs_proc
@pytest.mark.parametrize(
    ("number", "method"),
    [
        (signal.SIGINT, "fork"), pytest.param(signal.SIGTERM, "fork", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, "forkserver", marks=pytest.mark.slow),
        pytest.param(signal.SIGUSR1, "forkserver", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "spawn", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_signal_to_all_leaves_no_process_behind(tiny, tmp_path, number, method):
    """Ctrl-C in a terminal goes to the whole group: the run saves, its workers end, nobody is left.

    Where processes are started anew it comes while they still import what they need.
    """
    until = "last.pt" if method == "fork" else "tensorboard"
    with endless(method, tiny, tmp_path / "run", until) as run:
        time.sleep(0 if method == "fork" else 1)
        os.killpg(run.pid, number)
        _, err = run.communicate(timeout=60)
        assert nobody_left(run.pid)
    assert run.returncode == 128 + number and "stopped at step" in err, err


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("method", methods("forkserver"))
def test_nobody_outlives_a_main_process_that_is_killed(tiny, tmp_path, method):
    with endless(method, tiny, tmp_path / "run", "last.pt") as run:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        assert nobody_left(run.pid)
