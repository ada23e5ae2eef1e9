"""The estimate held against this machine: the same counting, with rates that are measured here, beside a real step."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.nn import functional as F

from cornernet.config import Config
from cornernet.profiling.quantities import with_train
from cornernet.profiling.roofline import Machine, costs, times
from cornernet.profiling.training_step import CLASSES, OBJECTS, PARTS, made, one_step, place

CHANNELS, SIDE, IMAGES = 256, 64, 2  # of the bare convolution: wide enough to reach the peak
COPIED = 2**28  # bytes, beyond any cache


class Reality(NamedTuple):
    """A step and what bounds it, measured in turns; medians over the rounds."""

    convolution: float  # FLOP a second of a bare one
    copy: float  # bytes a second, read and written
    roofline: float  # seconds of a step, estimated by these
    one_by_one: float  # the same, each operation by what bounds it
    step: float  # seconds measured
    over_roofline: float
    over_one_by_one: float


def check(settings: Config, repeats: int = 3) -> Reality:
    """Measure convolution rate, copy bandwidth and training step in turns, to hold the step against its roofline."""
    device, precision, _ = place(settings)
    settings = with_train(settings, precision=precision, accumulate=1)
    found = costs(settings, 1)
    detector, optimizer, batch = made(settings, CLASSES, OBJECTS, device)
    convolve, flops = bare_convolution(torch.float32 if precision == "fp32" else torch.bfloat16, device)
    copy = bare_copy(device)
    one_step(detector, optimizer, batch, settings, {part: [] for part in PARTS})
    seconds(convolve, device)
    rows = []
    for _ in range(repeats):
        rate, bandwidth = flops / seconds(convolve, device), 2 * COPIED / seconds(copy, device)
        taken: dict[str, list[float]] = {part: [] for part in PARTS}
        one_step(detector, optimizer, batch, settings, taken)
        step = sum(x for part in taken.values() for x in part)
        least = times(found, Machine(rate, bandwidth, 0, 1))
        bounds = (least.roofline, least.one_by_one)
        rows.append((rate, bandwidth, *bounds, step, *(step / bound for bound in bounds)))
    return Reality(*map(statistics.median, zip(*rows, strict=True)))


def bare_convolution(dtype: torch.dtype, device: torch.device) -> tuple[Callable[[], object], int]:
    """A 3 x 3 convolution with both gradients, and its FLOPs."""
    shapes = (IMAGES, CHANNELS, SIDE, SIDE), (CHANNELS, CHANNELS, 3, 3)
    x, weight = (torch.rand(shape, device=device, dtype=dtype, requires_grad=True) for shape in shapes)
    ones = torch.ones_like(x)

    def convolve() -> None:
        torch.autograd.grad(F.conv2d(x, weight, padding=1), (x, weight), ones)

    return convolve, 3 * 2 * IMAGES * SIDE**2 * CHANNELS**2 * 9


def bare_copy(device: torch.device) -> Callable[[], object]:
    """A copy that reads and writes COPIED bytes each."""
    source, target = (torch.ones(COPIED, dtype=torch.uint8, device=device) for _ in range(2))
    return lambda: target.copy_(source)


def seconds(call: Callable[[], object], device: torch.device, times: int = 3) -> float:
    """Median time of a call."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
