"""One training of the page for GPUs, in this process: what its steps waited for, took and compiled.

`python -m benchmarks.gpu_case`, alone or under torchrun, reads {config, overrides, warm} as JSON from the variable
CORNERNET_GPU_CASE; the first process writes what it found as the last line of stdout.
"""

import json
import os
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
from torch._dynamo.utils import counters

from cornernet import config, processes
from cornernet.hardware import peak_bytes
from cornernet.profiling.waits import waits
from cornernet.training import engine, loop

VARIABLE = "CORNERNET_GPU_CASE"
WATCHED = 3  # steps after the warm ones in which waiting is looked for; their time does not count


class Watch:
    """Stands around the steps of a training and notes what they ask for."""

    def __init__(self, warm: int):
        """Steps that do not count: a compiler is at work, the loader has batches in stock."""
        self.warm, self.step = warm, 0
        self.waiting = self.seconds = 0.0
        self.began: float | None = None
        self.found: list[str] = []
        self.frames = 0
        self.device = torch.device("cpu")

    def fetching(self, fetch: Callable[..., Any]) -> Callable[..., Any]:
        """Note how long the loop waits for its batches."""

        def run(*args: Any) -> Any:
            start = time.perf_counter()
            found = fetch(*args)
            self.waiting += time.perf_counter() - start if self.began is not None else 0.0
            return found

        return run

    def stepping(self, do: Callable[..., Any]) -> Callable[..., Any]:
        """Count steps, look for what waits in some of them, then start the clock."""

        def run(run_: Any, *args: Any) -> Any:
            self.device, self.step = run_.accelerator.device, self.step + 1
            if self.warm < self.step <= self.warm + WATCHED:
                kept: list[Any] = []
                self.found += waits(lambda: kept.append(do(run_, *args)), self.device)
                result = kept[0]
            else:
                result = do(run_, *args)
            if self.step == self.warm + WATCHED:
                self.frames, self.began = compiled(), self.now()
            elif self.began is not None:
                self.seconds = time.perf_counter() - self.began
            return result

        return run

    def now(self) -> float:
        """Seconds, once the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def figures(self, images: int) -> dict[str, Any]:
        """What was found, for a step of so many images."""
        steps = self.step - self.warm - WATCHED
        return {
            "images_per_s": steps * images / self.seconds,
            "waiting": self.waiting / self.seconds,
            "waits": len(self.found) / WATCHED,
            "where": sorted(set(self.found)),
            "peak": peak_bytes(self.device),
            "recompiles": compiled() - self.frames,
        }


def compiled() -> int:
    """Frames that a compiler has worked on so far."""
    return counters["frames"]["total"]


def main(given: dict[str, Any]) -> None:
    """Train and say what was found."""
    settings, watch = config.load(given["config"], given["overrides"]), Watch(given["warm"])
    with (
        mock.patch.object(loop, "_fetched", watch.fetching(loop._fetched)),
        mock.patch.object(loop, "_step", watch.stepping(loop._step)),
        mock.patch.object(loop, "_evaluate", lambda run: measured(run, watch)),
    ):
        engine.train(settings)
    if processes.rank() == 0:
        print(json.dumps(watch.figures(settings.train.batch_size)))


def measured(run: loop.Run, watch: Watch) -> None:
    """Stop the clock where the evaluation would come: what the last step started is done, nothing is scored."""
    watch.seconds = watch.now() - (watch.began or 0.0)
    run.state.scored, run.state.metrics = run.state.step, {}


if __name__ == "__main__":
    main(json.loads(os.environ[VARIABLE]))
