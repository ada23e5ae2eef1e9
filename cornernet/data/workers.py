"""The processes that load: how they start and end, and what each holds, so that one that dies or hangs can be named."""

import multiprocessing
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any

import cv2
import torch
from torch.utils.data import get_worker_info

from cornernet.data.listening import deaf, listen_to_main
from cornernet.errors import Failed
from cornernet.system.streams import outlive

MAX_WORKERS = 256
NOTHING = -1
GRACE = 1.0  # seconds until the end of a process shows
WAKE: Any = getattr(signal, "SIGURG", None)  # nobody's, and harmless where nobody listens
HINTS = {  # what mostly lies behind a signal
    "Killed": " (as happens for want of memory; fewer data.workers need less)",
    "Bus error": " (as happens where shared memory is full; fewer data.workers need less)",
}


class Held:
    """A row for every worker in memory that all processes share: its process id, and the image it is working on."""

    def __init__(self):
        self.rows = torch.full((MAX_WORKERS, 2), NOTHING, dtype=torch.int64).share_memory_()

    @contextmanager
    def holding(self, index: int) -> Iterator[None]:
        """Note that this worker works on an image of the data set, then again on what it did before.

        Outside a worker nothing is noted.
        """
        worker = get_worker_info()
        if worker is None:
            yield
            return
        row = self.rows[worker.id % MAX_WORKERS]
        before = int(row[1])
        row.copy_(torch.tensor([os.getpid(), index]))
        yield
        row[1] = before

    def images(self, pids: list[int]) -> list[int]:
        """Images that these processes, or where none is given all, are working on."""
        return [index for pid, index in self.rows.tolist() if index != NOTHING and (pid in pids or not pids)]


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
        """Who holds what; an image's place in the data set -> how people know it; seconds, 0 for no limit."""
        self.held, self.name, self.timeout = held, name, timeout
        self.inside = False  # whether this watches now, in the main thread, which alone hears signals
        self.workers: list[BaseProcess] = []  # the loader's processes, as soon as they are started
        self.tell: Any = None  # torch's handler of SIGCHLD, which raises an error where a worker has ended
        self.ended = False  # whether a process has, which torch has not been told
        self.since: float | None = None  # when the wait for a batch began
        self.late: list[int] | None = None  # images that were held when time was up

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Around the start of the processes: they are known from then on, and deaf to what asks a run to stop.

        What torch then raises for one that ends waits for the next batch, so that no step or save is cut in two.
        """
        before = set(multiprocessing.active_children())
        try:
            with deaf():
                yield
        finally:
            self.workers += set(multiprocessing.active_children()) - before
        if self.inside and hasattr(signal, "SIGCHLD") and callable(signal.getsignal(signal.SIGCHLD)):
            self.tell = signal.signal(signal.SIGCHLD, self._note)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around the wait for a batch."""
        self.since = time.monotonic()
        try:
            if self.ended:
                self._note()
            yield
        except (OSError, EOFError) as error:  # of what lies between the processes; those of images come as values
            if pids := self._gone():
                raise RuntimeError(f"DataLoader worker (pid(s) {', '.join(map(str, pids))}) has ended") from error
            what = f"the loader processes cannot hand over a batch: {str(error) or type(error).__name__}"
            raise Failed(f"{what}; more open files (ulimit -n) or fewer data.workers help") from error
        finally:
            self.since = None

    def __enter__(self):
        self.over, self.caller = threading.Event(), threading.get_ident()
        self.before: Any = None  # whoever listened to WAKE
        self.inside = threading.current_thread() is threading.main_thread()
        if self.timeout and WAKE is not None and self.inside:
            self.before = signal.signal(WAKE, self._wake)
        if self.timeout:
            threading.Thread(target=self._look, daemon=True).start()
        return self

    def __exit__(self, kind, error, trace):
        self.over.set()
        if self.before is not None:
            signal.signal(WAKE, self.before)
        if self.tell is not None:
            signal.signal(signal.SIGCHLD, self.tell)
        if error is None:
            return
        message = f"{error} {error.__cause__ or error.__context__ or ''}"  # one of them has the signal
        what = _what(message, self.workers) if isinstance(error, RuntimeError) else None
        images = self.held.images(_pids(message)) if self.late is None else self.late
        self._kill()
        if self.late is not None:
            what = f"the loader processes made no batch for {self.timeout:g} seconds (data.timeout): one hangs"
        if what is not None and not isinstance(error, KeyboardInterrupt):
            names = ", ".join(map(self.name, images)) or "no image"
            raise Failed(f"{what} while it held {names}; train.resume=auto goes on from the last save") from error

    def _gone(self) -> list[int]:
        """Process ids of workers that have ended, which may show a moment after their connection has."""
        ended = connection.wait([worker.sentinel for worker in self.workers], GRACE) if self.workers else []
        gone = [worker for worker in self.workers if worker.sentinel in ended]
        for worker in gone:  # its pipes close before the system tells how it ended
            worker.join(GRACE)
        return [worker.pid for worker in gone if worker.pid is not None]

    def _look(self) -> None:
        while not self.over.wait(min(1.0, self.timeout / 4)):
            since = self.since
            if since is not None and time.monotonic() - since > self.timeout:
                self.late = self.held.images([])
                for worker in self.workers:  # only the main thread may wait for them
                    worker.kill()
                if self.before is not None:
                    signal.pthread_kill(self.caller, WAKE)
                return

    def _note(self, *signal_and_frame) -> None:
        """Pass on to torch that a process has ended, at once only while a batch is waited for."""
        self.ended = self.since is None
        if not self.ended and self.tell is not None:
            self.tell(*signal_and_frame or (signal.SIGCHLD, None))

    def _wake(self, number: int, frame) -> None:
        """End a wait that nothing else ends: torch hears of no child of a fork server, of no half-sent batch's end."""
        if self.late is not None and self.since is not None:
            raise RuntimeError("the loader processes were ended")

    def _kill(self) -> None:
        """End all workers at once; one that is stopped would not listen to anything else."""
        with _torch_told_nothing():
            for worker in self.workers:
                worker.kill()
            for worker in self.workers:
                worker.join()


def _pids(message: str) -> list[int]:
    found = re.findall(r"\(pid(?:\(s\))? ([\d, ]+)\)", message)
    return [int(pid) for pids in found for pid in pids.split(",")]


def _what(message: str, workers: Iterable[BaseProcess]) -> str | None:
    """What happened to a worker, by torch's message; None for other errors, a worker's own ones among them."""
    if "DataLoader worker (pid" not in message:
        return None
    pids = _pids(message)
    codes = [-code for worker in workers if worker.pid in pids and (code := worker.exitcode or 0) < 0]
    if not codes:
        return "a loader process died"
    name = signal.strsignal(codes[0])
    return f"a loader process was ended by the signal {name!r}{HINTS.get(name or '', '')}"


def start_worker(worker: int, held: Held | None = None) -> None:
    """Note the process in `held`, give it one thread, and let it hear nobody but the main process."""
    if held is not None:
        held.rows[worker % MAX_WORKERS] = torch.tensor([os.getpid(), NOTHING])
    outlive()
    cv2.setNumThreads(0)
    listen_to_main()
