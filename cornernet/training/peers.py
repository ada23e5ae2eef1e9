"""The processes of one training watch one another, so that none waits for ever for one that is stopped or gone.

Each writes every few seconds into the store in which they found each other: that it lives, and how far its training
is. Neither takes part in a step, so no device waits for it, and it is the same with NCCL and gloo.
"""

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import torch

from cornernet.errors import FAILED

START = 120.0  # seconds that a process may take, at least, until it shows up
GONE = "left"
AGENT = "TORCHELASTIC_USE_AGENT_STORE"  # "True" where torchrun keeps the store itself


class Told(NamedTuple):
    """What a process says of itself."""

    beat: int  # another one each time
    place: int  # how many parts of steps its training has done
    patient: bool  # the others wait for it as long as it takes: it starts, evaluates or saves
    home: str  # its machine and process id


class Seen:
    """What one process knows of another: what that said last, and since when it says so."""

    def __init__(self, first: str, moment: float):
        self.text, self.beat_at, self.place_at, self.came = first, moment, moment, False
        self.told: Told | None = None

    def hear(self, text: str, moment: float) -> None:
        """Note what the other one says now; what stands there from an earlier start says nothing until it changes."""
        if text == self.text:
            return
        before, self.text, self.came = self.told, text, True
        self.told = None if text == GONE else _parsed(text)
        self.beat_at = moment
        if before is None or self.told is None or before[1:] != self.told[1:]:
            self.place_at = moment

    @property
    def gone(self) -> bool:
        """Whether it left in order."""
        return self.came and self.told is None


class Peers:
    """Context of a training; ends this process, with a sentence that names the rank, where another one stops.

    With one process, or without a limit, it does nothing.
    """

    def __init__(self, timeout: float):
        """timeout: seconds after which a process that says nothing, or does not get on, counts as stopped; 0: never."""
        self.rank, self.world = (int(os.environ.get(key, 0)) for key in ("RANK", "WORLD_SIZE"))
        self.timeout = timeout
        self.place, self.patient = 0, True
        self.interval = min(10.0, timeout / 10)
        self.seen: dict[int, Seen] = {}
        self.heard: float | None = None  # when the store answered last
        self.over = threading.Event()
        # two, since a store that its process took with it may keep the first waiting
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._exchange, self._judge)]

    def __enter__(self):
        if self.timeout and self.world > 1 and "MASTER_ADDR" in os.environ:
            for thread in self.threads:
                thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        for thread in self.threads:
            if thread.is_alive():
                thread.join(5.0)

    def moved(self) -> None:
        """Note that this process has done a part of a step that the others have to do as well."""
        self.place += 1

    @contextmanager
    def patience(self) -> Iterator[None]:
        """While this lasts the others wait for this process as long as it lives, as it evaluates or saves."""
        before, self.patient = self.patient, True
        try:
            yield
        finally:
            self.patient = before

    def _exchange(self) -> None:
        """Tell and hear until the training is over, or the store is."""
        home, others = f"{socket.gethostname()}:{os.getpid()}", [r for r in range(self.world) if r != self.rank]
        with suppress(Exception):  # of the store, as its process ended; `_judge` sees that it is silent
            store = _store(max(START, self.timeout))
            self.seen = {rank: Seen(_get(store, rank), time.monotonic()) for rank in others}
            while not self.over.is_set():
                mine = Told(time.time_ns(), self.place, self.patient, home)
                store.set(_key(self.rank), " ".join(map(str, mine)))
                for rank in others:
                    self.seen[rank].hear(_get(store, rank), time.monotonic())
                self.heard = time.monotonic()
                self.over.wait(self.interval)
            store.set(_key(self.rank), GONE)

    def _judge(self) -> None:
        """End this process as soon as another one has stopped."""
        begun = last = time.monotonic()
        while not self.over.wait(self.interval):
            moment = time.monotonic()
            if moment - last > self.timeout / 2:  # it was this process that stood still
                begun = moment
                for other in self.seen.values():
                    other.beat_at = other.place_at = moment
            last = moment
            silent = moment - max(begun, self.heard or begun)
            if self.heard is not None and silent <= 3 * self.interval:
                stopped = [rank for rank, other in self.seen.items() if self._stopped(other, moment)]
            else:  # nobody can be heard: the store of rank 0 went with it; torchrun's own one blames no rank
                limit = self.timeout if self.heard else max(self.timeout, START)
                stopped = [0] if silent > limit and self.rank and os.environ.get(AGENT) != "True" else []
            if stopped:
                self._end(stopped)

    def _stopped(self, other: Seen, moment: float) -> bool:
        """Whether a process is silent for too long, or lives but lets those ahead of it wait."""
        if other.gone:
            return False
        if moment - other.beat_at > (self.timeout if other.came else max(self.timeout, START)):
            return True
        if not other.came or other.told is None or other.told.patient:
            return False
        ahead = max([self.place, *(x.told.place for x in self.seen.values() if x.told is not None)])
        late = self.timeout + 2 * min(1.0, self.timeout / 4)  # its own loader tells more, if it is that
        return other.told.place < ahead and moment - other.place_at > late

    def _end(self, stopped: list[int]) -> None:
        """Say which, end what would wait for it, and leave; the main thread waits where no exception reaches it."""
        if self.rank == min({self.rank, *self.seen} - set(stopped)):
            names = ", ".join(f"rank {rank}" for rank in stopped)
            print(
                f"error: {names} of {self.world} processes did not answer or get on for {self.timeout:g} seconds "
                "(data.timeout): stopped, hung or gone; train.resume=auto goes on from the last save",
                file=sys.stderr, flush=True,
            )  # fmt: skip
        for child in multiprocessing.active_children():
            child.kill()
        for told in [self.seen[rank].told for rank in stopped if rank in self.seen]:
            if told is not None:
                _end_beside(*told.home.rsplit(":", 1))
        os._exit(FAILED)


def _end_beside(host: str, pid: str) -> None:
    """Kill a process if it is a child of the same launcher: stopped as it is, it would keep that waiting."""
    with suppress(OSError, ValueError, IndexError):
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        if host == socket.gethostname() and int(parent) == os.getppid():
            os.kill(int(pid), signal.SIGKILL)


def _store(seconds: float) -> torch.distributed.Store:
    """A way of our own into the store in which the processes find each other."""
    place, wait = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])), timedelta(seconds=seconds)
    return torch.distributed.TCPStore(*place, is_master=False, timeout=wait, wait_for_workers=False)


def _key(rank: int) -> str:
    return f"cornernet/{rank}"


def _get(store: torch.distributed.Store, rank: int) -> str:
    """What a process said last, "" if nothing yet."""
    return store.get(_key(rank)).decode() if store.check([_key(rank)]) else ""


def _parsed(text: str) -> Told:
    beat, place, patient, home = text.split(" ")
    return Told(int(beat), int(place), patient == "True", home)
