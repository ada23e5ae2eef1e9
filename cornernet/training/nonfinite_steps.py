"""Steps whose loss or gradient is not finite: left out, counted, and given up on when too many come in a row.

On a CPU the host sees at once that a step is bad. On a GPU it would have to wait for it, so there the flag stays on the
device: fused optimisers, the average and the buffers' copies take it as an operand, and the host hears of it LAG steps
later, when it has long arrived. Once `most` steps in a row were bad the device leaves out all further ones, so that the
weights are still those of the bad batch when the host hears of it. In half precision with a scaler an infinite gradient
alone is no bad step: the scaler leaves it out and lowers its scale.
"""

import logging
import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from cornernet.detectors import Detector
from cornernet.training.optim import Average

log = logging.getLogger("cornernet")
LAG = 10  # the same in all processes, which must stop at the same step


class NonFiniteStep(NamedTuple):
    """A step that was left out, counted from 0, and the loss terms for which it was."""

    step: int
    terms: dict[str, float]


class NonFiniteSteps:
    """Judges every step before its update, does the update or leaves it out, and remembers the bad ones."""

    def __init__(self, most: int, accelerator: Accelerator, count: int = 0, lag: int | None = None):
        """Most bad steps in a row; count: those that the run has had already; lag: 0 on a CPU, LAG elsewhere."""
        self.most, self.accelerator, self.count = most, accelerator, count
        self.lag = (0 if accelerator.device.type == "cpu" else LAG) if lag is None else lag
        self.in_row: list[NonFiniteStep] = []  # what the host has heard of
        self._row = torch.zeros((), device=accelerator.device)  # bad steps up to the last one, on the device
        self._coming: deque[tuple[int, list[str], Tensor, torch.cuda.Event | None]] = deque()

    def judge(self, step: int, terms: dict[str, Tensor], parameters: Iterable[nn.Parameter]) -> Tensor:
        """Step, its terms and the parameters with its gradients -> 0-dim float32 on the device, 1 if it is bad.

        The same in all processes.
        """
        values = torch.stack([value.detach().float() for value in terms.values()])
        gradients = [p.grad for p in parameters if p.grad is not None]
        bad = ~values.isfinite().all()
        if self.accelerator.scaler is None:
            largest = torch.stack([x.float() for x in torch._foreach_norm(gradients, math.inf)])
            bad = bad | ~largest.isfinite().all()
        shared = torch.cat([bad.float()[None], values])
        if self.accelerator.num_processes > 1:
            shared = self.accelerator.reduce(shared, "mean")
        bad = (shared[0] > 0) | (self._row >= self.most)
        if self.accelerator.scaler is not None:  # it looks for itself, and shall find something
            gradients[0].mul_(torch.where(bad, math.nan, 1.0))
        self._row = (self._row + 1) * bad
        self._send(step, list(terms), torch.cat([self._row[None], shared[1:]]))
        return bad.float()

    def update(
        self, bad: Tensor, optimizer: Any, kept: "Buffers", detector: Detector, averaged: Average | None
    ) -> None:
        """Let the optimiser and the average take their step, or leave weights, buffers and both as they were.

        The average counts every step, bad or not, since a resumed run counts by steps.
        """
        if self.lag == 0 and bad:
            kept.restore(bad)
            if averaged is not None:
                averaged.n_averaged += 1
            return
        if self.lag:
            kept.restore(bad)
        if self.lag and self.accelerator.scaler is None:  # a scaler does this itself
            optimizer.optimizer.found_inf = bad  # torch's name for what makes a fused optimiser leave a step out
            optimizer.step()
            del optimizer.optimizer.found_inf
        else:
            optimizer.step()
        if averaged is not None:
            averaged.skip = bad if self.lag else None
            averaged.update_parameters(detector)

    def _send(self, step: int, names: list[str], figures: Tensor) -> None:
        arrived = None
        if figures.is_cuda:
            figures, arrived = figures.to("cpu", non_blocking=True), torch.cuda.Event()
            arrived.record()
        self._coming.append((step, names, figures, arrived))

    def too_many(self, wait: bool = False) -> bool:
        """Hear of the steps that are `lag` old, or with `wait` of all -> whether the run has to stop."""
        while self._coming and len(self.in_row) < self.most and (wait or len(self._coming) > self.lag):
            step, names, figures, arrived = self._coming.popleft()
            if arrived is not None:
                arrived.synchronize()
            row, *values = figures.tolist()
            self._hear(NonFiniteStep(step, dict(zip(names, values, strict=True))), bad=row > 0)
        return len(self.in_row) >= self.most

    def _hear(self, one: NonFiniteStep, bad: bool) -> None:
        if not bad:
            self.in_row = []
            return
        self.in_row.append(one)
        self.count += 1
        if len(self.in_row) == 1 and self.accelerator.is_main_process:
            log.warning("step %d is skipped: %s", one.step + 1, listed(one.terms))


def listed(terms: dict[str, float]) -> str:
    """Terms -> words that say which of them, or whether only a gradient, is not finite."""
    text = ", ".join(f"{name}={value:g}" for name, value in terms.items())
    if all(math.isfinite(value) for value in terms.values()):
        return f"its gradient is not finite, while its loss is ({text})"
    return f"its loss is not finite ({text})"


class Buffers:
    """Copies of a module's buffers from before a step: BatchNorm's statistics, running means of losses."""

    def __init__(self, module: nn.Module):
        self.groups: dict[torch.dtype, list[Tensor]] = {}
        for buffer in module.buffers():
            self.groups.setdefault(buffer.dtype, []).append(buffer)
        self.copies = {dtype: _flat(buffers) for dtype, buffers in self.groups.items()}

    def restore(self, bad: Tensor) -> None:
        """Put the copies back where the 0-dim flag says so, without asking what it says."""
        for dtype, buffers in self.groups.items():
            right = torch.where(bad > 0, self.copies[dtype], _flat(buffers))
            parts = right.split([buffer.numel() for buffer in buffers])
            torch._foreach_copy_(buffers, [part.view(b.shape) for part, b in zip(parts, buffers, strict=True)])


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Meanwhile a module's buffers and torch's random numbers may move on; then they are as before."""
    kept, device = Buffers(module), next(module.parameters()).device
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        kept.restore(torch.ones((), device=device))


def _flat(buffers: list[Tensor]) -> Tensor:
    return torch.cat([buffer.detach().reshape(-1) for buffer in buffers])
