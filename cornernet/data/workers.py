"""The processes that load: how they start and end, and what each holds, so that one that dies or hangs can be named."""

import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import torch
from torch.utils.data import get_worker_info

from cornernet.commandline import Failed

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


@contextmanager
def named(held: Held, name: Callable[[int], str]) -> Iterator[None]:
    """Turn torch's errors about workers, which may come at any moment, into Failed with the pictures they held.

    name: a picture's place in the data set -> how people know it. The other workers are ended.
    """
    try:
        yield
    except RuntimeError as error:
        message = f"{error} {error.__cause__ or error.__context__ or ''}"  # one of them has the signal
        what = _what(message)
        if what is None:
            raise
        pids = [int(pid) for found in re.findall(r"\(pid(?:\(s\))? ([\d, ]+)\)", message) for pid in found.split(",")]
        pictures = ", ".join(name(index) for index in held.pictures(pids)) or "no picture"
        held.kill()
        raise Failed(f"{what} while it held {pictures}; train.resume=auto goes on from the last save") from error


def _what(message: str) -> str | None:
    """What happened to a worker, by torch's message; None for other errors, a worker's own ones among them."""
    if killed := re.search(r"DataLoader worker \(pid.* is killed by signal: ([\w ]+)", message):
        return f"a loader process was ended by the signal {killed[1]!r}{HINTS.get(killed[1], '')}"
    if timeout := re.search(r"DataLoader timed out after ([\d.]+) seconds", message):
        return f"the loader processes made no batch for {float(timeout[1]):g} seconds (data.timeout): one hangs"
    return "a loader process died" if "DataLoader worker (pid" in message else None


def start_worker(worker: int) -> None:
    """One thread a worker; Ctrl-C, SIGUSR1 and SIGTERM to the whole group of processes are for the main process.

    It finishes its step, for which it needs its workers, and then ends them itself.
    """
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
