"""SIGINT, SIGTERM, SIGUSR1 and SIGHUP ask a run to finish its step, save and leave; a second one ends it at once.

SIGUSR1 is what a SLURM job gets before its time is up (`sbatch --signal=USR1@120`), SIGHUP what is left of a terminal.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator

from cornernet.errors import Interrupted
from cornernet.system import interruption

STEPS_BETWEEN_AGREEMENTS = 10
ECHO = 1.0  # seconds in which a signal is the same one again: torchrun passes on the Ctrl-C that a terminal sent to all


class StopRequest:
    """Context in which the signals only leave a note that the loop reads between two steps."""

    def __enter__(self):
        self.number, self.since, self.process = next(iter(interruption.came), 0), 0.0, os.getpid()
        self.saved = ""  # message with which to leave at once, while all is saved
        self.before = {number: signal.signal(number, self._note) for number in interruption.heeded()}
        return self

    def __exit__(self, *error):
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame) -> None:
        if os.getpid() != self.process:  # a loader's worker, forked with this handler; its process ends it
            return
        if not self.number:
            self.number, self.since = number, time.monotonic()
            if self.saved:
                self.leave(self.saved)
        elif time.monotonic() - self.since > ECHO:
            raise Interrupted(number, "stopped at once by a second signal; the last save stands")

    @contextmanager
    def at_once(self, message: str) -> Iterator[None]:
        """While this lasts everything is saved: a signal, also one noted before, need not wait and leaves."""
        self.saved = message
        try:
            if self.number:
                self.leave(message)
            yield
        finally:
            self.saved = ""

    def agreed(self, accelerator: Accelerator, step: int) -> bool:
        """Whether to stop after this step; many processes agree every few steps, since asking costs a round trip."""
        if accelerator.num_processes == 1:
            return self.number != 0
        if step % STEPS_BETWEEN_AGREEMENTS:
            return False
        note = torch.tensor([self.number], device=accelerator.device)
        self.number = int(accelerator.gather(note).max())
        return self.number != 0

    def leave(self, message: str) -> None:
        """Raise Interrupted with the signal's number."""
        raise Interrupted(self.number, message)
