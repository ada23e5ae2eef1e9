"""The processes that load: how they start and end, and what each holds, so that one that dies or hangs can be named."""

import multiprocessing
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import cv2
import torch
from torch.utils.data import get_worker_info

from cornernet.commandline import Failed, Interrupted

MAX_WORKERS = 256
NOTHING = -1
HINTS = {  # what mostly lies behind a signal
    "Killed": " (as happens for want of memory; fewer data.workers need less)",
    "Bus error": " (as happens where shared memory is full; fewer data.workers need less)",
}


class Held:
    """A row for every worker in memory that all processes share: its process id, and the picture it is working on."""

    def __init__(self):
        self.rows = torch.full((MAX_WORKERS, 2), NOTHING, dtype=torch.int64).share_memory_()

    @contextmanager
    def holding(self, index: int) -> Iterator[None]:
        """Note that this worker works on a picture of the data set; outside a worker nothing is noted."""
        worker = get_worker_info()
        if worker is None:
            yield
            return
        self.rows[worker.id % MAX_WORKERS] = torch.tensor([os.getpid(), index])
        yield
        self.rows[worker.id % MAX_WORKERS, 1] = NOTHING

    def pictures(self, pids: list[int]) -> list[int]:
        """Pictures that these processes, or where none is given all, are working on."""
        return [index for pid, index in self.rows.tolist() if index != NOTHING and (pid in pids or not pids)]

    def kill(self) -> None:
        """End all workers at once; one that is stopped would not listen to anything else."""
        pids = set(self.rows[:, 0].tolist())
        workers = [child for child in multiprocessing.active_children() if child.pid in pids]
        with _torch_told_nothing():
            for worker in workers:
                worker.kill()
            for worker in workers:
                worker.join()

    def kill_from_thread(self) -> None:
        """The same without waiting: only the main thread may, which then hears of it from torch."""
        for pid in set(self.rows[:, 0].tolist()) - {NOTHING}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def _torch_told_nothing() -> Iterator[None]:
    """Meanwhile torch's handler of SIGCHLD does not raise an error for every process that ends."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCHLD"):
        yield
        return
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, handler)


class Watch:
    """Names what a loader process held that dies or makes no batch in time, and ends the others.

    torch's own limit of time does not hold for a process that is stopped while it hands over a batch, so a thread of
    ours looks at the clock and kills them all; whatever the main process waits for then ends with an error.
    """

    def __init__(self, held: Held, name: Callable[[int], str], timeout: float):
        """Who holds what; a picture's place in the data set -> how people know it; seconds, 0 for no limit."""
        self.held, self.name, self.timeout = held, name, timeout
        self.since: float | None = None  # when the wait for a batch began
        self.late: list[int] | None = None  # pictures that were held when time was up

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around the wait for a batch."""
        self.since = time.monotonic()
        try:
            yield
        finally:
            self.since = None

    def __enter__(self):
        self.over = threading.Event()
        if self.timeout:
            threading.Thread(target=self._look, daemon=True).start()
        return self

    def __exit__(self, kind, error, trace):
        self.over.set()
        if error is None:
            return
        message = f"{error} {error.__cause__ or error.__context__ or ''}"  # one of them has the signal
        what = _what(message) if isinstance(error, RuntimeError) else None
        pictures = self.held.pictures(_pids(message)) if self.late is None else self.late
        self.held.kill()
        if self.late is not None:
            what = f"the loader processes made no batch for {self.timeout:g} seconds (data.timeout): one hangs"
        if what is not None and not isinstance(error, (Interrupted, KeyboardInterrupt)):
            names = ", ".join(map(self.name, pictures)) or "no picture"
            raise Failed(f"{what} while it held {names}; train.resume=auto goes on from the last save") from error

    def _look(self) -> None:
        while not self.over.wait(min(1.0, self.timeout / 4)):
            since = self.since
            if since is not None and time.monotonic() - since > self.timeout:
                self.late = self.held.pictures([])
                self.held.kill_from_thread()
                return


def _pids(message: str) -> list[int]:
    found = re.findall(r"\(pid(?:\(s\))? ([\d, ]+)\)", message)
    return [int(pid) for pids in found for pid in pids.split(",")]


def _what(message: str) -> str | None:
    """What happened to a worker, by torch's message; None for other errors, a worker's own ones among them."""
    if killed := re.search(r"DataLoader worker \(pid.* is killed by signal: ([\w ]+)", message):
        return f"a loader process was ended by the signal {killed[1]!r}{HINTS.get(killed[1], '')}"
    return "a loader process died" if "DataLoader worker (pid" in message else None


def start_worker(worker: int, held: Held | None = None) -> None:
    """Note the process in `held`, and give it one thread.

    Ctrl-C, SIGUSR1 and SIGTERM to the whole group of processes are for the main process: it finishes its step, for
    which it needs its workers, and then ends them itself.
    """
    if held is not None:
        held.rows[worker % MAX_WORKERS] = torch.tensor([os.getpid(), NOTHING])
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGUSR1"):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_told_to, args=(os.getppid(),), daemon=True).start()


def _end_when_told_to(parent: int) -> None:
    """Leave at a SIGTERM that the main process sent; one from anyone else was meant for it."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
