"""Which signals the processes that load listen to, however they are started: by fork, spawn or a fork server."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

from cornernet.system import interruption

REQUESTS = set(interruption.REQUESTS)
LOOKS = 1.0  # seconds between two looks whether the main process is still there


@contextmanager
def deaf() -> Iterator[None]:
    """Meanwhile what asks a run to stop waits; processes that are started do not hear it until they say otherwise.

    Those are the workers, which the run needs for its last step and which would take it for their own while they
    start, and the servers of Python's that start them (fork server) or clear up after them (resource tracker).
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
    try:
        if multiprocessing.get_start_method() != "fork":
            resource_tracker.ensure_running()  # lets some of them through again when it starts, here and not later
            signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def listen_to_main() -> None:
    """In a worker: hear a SIGTERM of the main process, and that it is gone, and nothing else that asks a run to stop.

    Sent to the whole group of processes that is for the main process: it finishes its step, for which it needs its
    workers, and then ends them itself.
    """
    for number in REQUESTS - {signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigtimedwait"):  # not on macOS
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_told_to, args=(os.getppid(),), daemon=True).start()
    elif hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _end_when_told_to(starter: int) -> None:
    """Leave at a SIGTERM of the main process, and when that is gone; a SIGTERM of anyone else was meant for it.

    starter: process that made this one, the main process itself or a fork server, which outlives it.
    """
    main, told = multiprocessing.parent_process(), None
    assert main is not None  # this is a worker
    while os.getppid() == starter and main.is_alive() and (told is None or told.si_pid != main.pid):
        told = signal.sigtimedwait({signal.SIGTERM}, LOOKS)
    os._exit(0)
