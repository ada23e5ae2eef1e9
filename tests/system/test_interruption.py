"""From a tool's first moment on a signal ends it with one sentence and 128 + its number."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from cornernet.errors import Interrupted
from cornernet.system import interruption
from cornernet.system.interruption import heeded, leaving

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
ALL = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 138, signal.SIGHUP: 129}
WAITING = """
import sys, time
from cornernet.cli import commandline

def main():
    print("begun", flush=True)
    {body}

commandline.call(commandline.Command(main, "", paths=0, overrides=False, stopped=" before the end"), [])
"""


def begun(tmp_path, body="time.sleep(600)", ignored=()):
    """A tool that has begun its work, with these signals ignored from before its start."""
    (tmp_path / "tool.py").write_text(WAITING.format(body=body))
    process = subprocess.Popen(
        [sys.executable, tmp_path / "tool.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=ENVIRONMENT, preexec_fn=lambda: [signal.signal(number, signal.SIG_IGN) for number in ignored],
    )  # fmt: skip
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("number", ALL)
def test_a_signal_ends_a_tool_with_one_sentence(tmp_path, number):
    process = begun(tmp_path)
    process.send_signal(number)
    assert process.communicate(timeout=120)[1] == f"stopped by {number.name} before the end\n"
    assert process.returncode == CODES[number]


def test_a_hangup_that_is_ignored_stays_ignored(tmp_path):
    process = begun(tmp_path, "time.sleep(2)", ignored=[signal.SIGHUP])
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=120)[1] == "" and process.returncode == 0


def test_an_import_that_makes_another_error_of_it_does_not_hide_it(tmp_path):
    body = """
    try:
        time.sleep(600)
    except BaseException:
        raise ImportError("numpy.core failed to import") from None"""
    process = begun(tmp_path, body)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=120)[1] == "stopped by SIGTERM before the end\n" and process.returncode == 143


def heeding(command):
    """Start a command, whoever ignores hangups here, and wait until it has its handlers; it must not end before."""
    heard = partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, preexec_fn=heard)
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None and not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) & 1:
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", ALL)
def test_before_the_first_step_there_is_nothing_to_save(tiny, tmp_path, number):
    """While the imports go on, which take longer than the wait."""
    command = [sys.executable, TOOLS / "train.py", tiny, f"work_dir={tmp_path / 'run'}"]
    process = heeding(command)
    time.sleep(0.2)
    process.send_signal(number)
    err = process.communicate(timeout=120)[1]
    assert err == f"stopped by {number.name} before the first step: nothing to save\n", err
    assert process.returncode == CODES[number] and not (tmp_path / "run").exists()


@pytest.mark.parametrize("tool", ["evaluate.py", pytest.param("predict.py", marks=pytest.mark.slow)])
def test_what_comes_after_a_training_is_stopped_as_well(tiny_run, tmp_path, tool):
    source = [ROOT] if tool == "predict.py" else []
    command = [sys.executable, TOOLS / tool, tiny_run / "last.pt", *source, f"out={tmp_path}"]
    process = heeding(command)
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=120)[1] == "stopped by SIGHUP\n" and process.returncode == 129


def test_handlers_come_back_and_nothing_is_remembered():
    before = [signal.getsignal(number) for number in ALL]
    with pytest.raises(Interrupted, match="stopped by SIGHUP, sadly") as caught, leaving(", sadly"):
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(10)
    assert caught.value.number == signal.SIGHUP and interruption.came == []
    assert [signal.getsignal(number) for number in ALL] == before


def test_all_four_are_heeded_but_an_ignored_hangup():
    assert set(heeded()) == set(ALL)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert set(heeded()) == set(ALL) - {signal.SIGHUP}
    finally:
        signal.signal(signal.SIGHUP, before)
