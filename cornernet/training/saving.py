"""Saving a run: what survives a full disk, and what is never written."""

import logging
import math
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import nn

from cornernet.checkpoints import checkpoint
from cornernet.errors import Unsaved
from cornernet.system.reading import present
from cornernet.system.wording import counted
from cornernet.training import run_folder
from cornernet.training.state import State, snapshot

log = logging.getLogger("cornernet")


class Saves:
    """Writes the checkpoints of a run in its main process; what the disk does not take is said and tried again."""

    def __init__(self, folder: Path, accelerator: Accelerator, last: int | None = None):
        """Folder of the run; last: step of the checkpoint that is there."""
        self.folder, self.accelerator, self.last = folder, accelerator, last
        self.failed, self.checked = 0, -1  # step at which the weights were found to be finite
        self.missing: dict[str, str] = {}  # file whose latest save failed -> why

    def save(self, state: State, name: str = run_folder.LAST) -> bool:
        """Save the state under the name -> whether the disk took it; every process calls this, all get the same.

        Raises FloatingPointError as `check` does, before anything is overwritten.
        """
        self.check(state)
        done = [self.accelerator.is_main_process and self._write(state, name)]
        return broadcast_object_list(done)[0]

    def check(self, state: State) -> None:
        """Raise FloatingPointError where the weights, or their average, are not finite; waits for the device once.

        A step may leave such behind a finite loss and gradient. Every process calls this, and all raise it.
        """
        if state.step == self.checked:
            return
        fine = torch.tensor(float(_finite(state)), device=self.accelerator.device)
        if self.accelerator.num_processes > 1:
            fine = self.accelerator.reduce(fine, "mean")
        if fine < 1:
            raise FloatingPointError(
                f"the weights are not finite at step {state.step} and are not saved; {self._standing()}. "
                f"The first of them is {_broken(state)}; a smaller train.lr or train.clip_norm helps"
            )
        self.checked = state.step

    def there(self, name: str) -> bool:
        """Whether the run's folder holds such a file, as the main process sees it."""
        return broadcast_object_list([present(self.folder / name)])[0]

    def save_alone(self, state: State) -> None:
        """Save last.pt in the main process without hearing of the others, which may be waiting elsewhere."""
        if self.accelerator.is_main_process and _finite(state):
            self._write(state, run_folder.LAST)

    def standing(self) -> str:
        """How the run goes on from its last save, "" where it has none."""
        return f"train.resume=auto goes on from step {self.last}" if self.last else ""

    def _write(self, state: State, name: str) -> bool:
        scaler = None if self.accelerator.scaler is None else self.accelerator.scaler.state_dict()
        try:
            checkpoint.save(snapshot(state, scaler), self.folder / name, keep=name == run_folder.LAST)
        except OSError as error:
            self.failed, self.missing[name] = self.failed + 1, error.strerror or str(error)
            log.warning(
                "%s could not be saved at step %d: %s; %s. The run goes on and tries again at the next save",
                self.folder / name, state.step, self.missing[name], self._standing(),
            )  # fmt: skip
            return False
        self.missing.pop(name, None)
        self.last = state.step if name == run_folder.LAST else self.last
        return True

    def _standing(self) -> str:
        return "there is no earlier last.pt" if self.last is None else f"last.pt of step {self.last} stands"

    def close(self, step: int) -> None:
        """Say what could not be saved; raise Unsaved if that is how the run ends at this step."""
        if self.missing:
            names = ", ".join(f"{name} ({reason})" for name, reason in self.missing.items())
            raise Unsaved(f"the run came to step {step}, but could not save {names}; {self._standing()}")
        if self.failed:
            log.warning("%s failed on the way, but not the last one", counted(self.failed, "save"))


@torch.no_grad()
def finite(module: nn.Module) -> bool:
    """Whether all parameters and buffers are, as `checkpoint.load_weights` wants them; waits for the device once."""
    tensors = [x for x in (*module.parameters(), *module.buffers()) if x.is_floating_point() and x.numel()]
    return not tensors or bool(torch.stack(torch._foreach_norm(tensors, math.inf)).isfinite().all())


def _finite(state: State) -> bool:
    """Whether all weights of a run are, the average's too."""
    return finite(state.detector) and (state.averaged is None or finite(state.averaged.module))


def _broken(state: State) -> str:
    """The first of the weights that are not finite."""
    modules = {"": state.detector} | ({"averaged " if state.averaged else "": state.evaluated})
    named = ((f"{of}{name}", x) for of, module in modules.items() for name, x in module.state_dict().items())
    return next((name for name, x in named if x.is_floating_point() and not x.isfinite().all()), "in another process")
