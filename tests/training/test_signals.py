"""Signals as requests: the first one is noted, its echo ignored, the second one ends the run."""

import os
import signal
from types import SimpleNamespace

import pytest
import torch

from cornernet.errors import Interrupted
from cornernet.system import interruption
from cornernet.training import signals
from cornernet.training.signals import StopRequest

ALONE = SimpleNamespace(num_processes=1)


def among(others):
    """Accelerator of two processes, of which the other one noted this signal."""
    return SimpleNamespace(
        num_processes=2,
        device=torch.device("cpu"),
        gather=lambda note: torch.cat([note, torch.tensor([int(others)])]),
    )


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP])
def test_a_signal_is_noted_and_handlers_come_back(number):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert not stop.agreed(ALONE, 1)
        send(number)
        assert stop.agreed(ALONE, 1)
        with pytest.raises(Interrupted, match="bye") as caught:
            stop.leave("bye")
    assert caught.value.number == number and signal.getsignal(number) is before


def test_the_echo_of_a_signal_is_not_a_second_one():
    with StopRequest() as stop:
        for _ in range(3):
            send(signal.SIGINT)
        send(signal.SIGTERM)
        assert stop.number == signal.SIGINT


def test_a_second_signal_ends_at_once(monkeypatch):
    monkeypatch.setattr(signals, "ECHO", -1.0)
    with StopRequest(), pytest.raises(Interrupted, match="stopped at once by a second signal") as caught:
        send(signal.SIGTERM)
        send(signal.SIGINT)
    assert caught.value.number == signal.SIGINT


def test_many_processes_agree_at_the_same_steps():
    with StopRequest() as stop:
        assert not stop.agreed(among(0), 10)
        assert not stop.agreed(among(signal.SIGUSR1), 9)
        assert stop.agreed(among(signal.SIGUSR1), 10)
        assert stop.number == signal.SIGUSR1  # it had none of its own
    with StopRequest() as stop:
        send(signal.SIGINT)
        assert not stop.agreed(among(0), 7)
        assert stop.agreed(among(0), 20) and stop.number == signal.SIGINT


def test_a_loaders_worker_leaves_signals_to_its_process(monkeypatch):
    monkeypatch.setattr(signals, "ECHO", -1.0)
    with StopRequest() as stop:
        stop.process += 1  # as in a fork
        for _ in range(2):
            send(signal.SIGUSR1)
        assert stop.number == 0


def test_while_everything_is_saved_a_signal_leaves_at_once():
    with (
        StopRequest() as stop,
        pytest.raises(Interrupted, match="in the evaluation") as caught,
        stop.at_once("stopped in the evaluation"),
    ):
        send(signal.SIGTERM)
        raise AssertionError("it went on")
    assert caught.value.number == signal.SIGTERM
    with StopRequest() as stop:
        with stop.at_once("x"):
            pass
        send(signal.SIGTERM)  # only noted
        with pytest.raises(Interrupted), stop.at_once("noted before"):
            raise AssertionError("it went on")


def test_a_hangup_that_is_ignored_is_not_even_noted():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            send(signal.SIGHUP)
        assert stop.number == 0 and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_that_a_library_swallowed_before_the_loop_still_counts(monkeypatch):
    monkeypatch.setattr(interruption, "came", [signal.SIGTERM])
    with StopRequest() as stop:
        assert stop.agreed(ALONE, 1) and stop.number == signal.SIGTERM
