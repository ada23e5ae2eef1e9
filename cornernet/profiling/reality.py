"""The estimate held against this machine: the same counting, with rates that are measured here, beside a real step."""

import statistics
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

from cornernet import config
from cornernet.config import Config
from cornernet.hardware import resolve_precision
from cornernet.profiling.estimate import GIGA, Machine, costs, times
from cornernet.profiling.training_step import CLASSES, OBJECTS, PARTS, device_of, made, one_step

CHANNELS, SIDE, IMAGES = 256, 64, 2  # of the bare convolution: wide enough to reach the peak
COPIED = 2**28  # bytes, beyond any cache


def check(settings: Config, repeats: int = 3) -> str:
    """Measure convolution rate, copy bandwidth and training step in turns -> the step beside its roofline, as text."""
    device = device_of(settings)
    precision = resolve_precision(settings.train.precision, device.type == "cpu")
    settings = config.override(settings, [f"train.precision={precision}", "train.accumulate=1"])
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
        rows.append((rate, bandwidth, least.roofline, least.one_by_one, step, step / least.roofline,
                     step / least.one_by_one))  # fmt: skip
    return _report(settings, device, [statistics.median(column) for column in zip(*rows, strict=True)], repeats)


def bare_convolution(dtype: torch.dtype, device: torch.device) -> tuple[Callable[[], object], int]:
    """A 3 x 3 convolution with both gradients, and its FLOPs."""
    kind = {"device": device, "dtype": dtype, "requires_grad": True}
    x, weight = torch.rand(IMAGES, CHANNELS, SIDE, SIDE, **kind), torch.rand(CHANNELS, CHANNELS, 3, 3, **kind)
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


def _report(settings: Config, device: torch.device, medians: list[float], repeats: int) -> str:
    rate, bandwidth, roofline, one_by_one, step, over_roofline, over_each = medians
    height, width = settings.data.input_size
    rows = [
        ("bare convolution", f"{rate / GIGA:10.1f}", "GFLOP/s measured"),
        ("copy", f"{bandwidth / GIGA:10.1f}", "GB/s measured, read and written"),
        ("roofline", f"{roofline:10.3f}", "s a step ESTIMATED"),
        ("one by one", f"{one_by_one:10.3f}", "s a step ESTIMATED, each operation by what bounds it"),
        ("step", f"{step:10.3f}", f"s measured: {over_roofline:.2f} x the roofline, {over_each:.2f} x one by one"),
    ]
    where = f"{device.type}, {settings.train.precision}, {torch.get_num_threads()} threads"
    head = f"{settings.train.batch_size} pictures of {height} x {width} on {where}, medians of {repeats} rounds"
    return "\n".join([head, *(f"{name:22} {value} {unit}" for name, value, unit in rows)])
