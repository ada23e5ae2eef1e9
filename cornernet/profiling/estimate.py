"""What a node of GPUs would need for a config: a roofline over counted operations. An estimate, never a measurement.

Williams, Waterman, Patterson 2009, "Roofline: an insightful visual performance model": nothing is done faster than its
operations at the peak rate, nor than its bytes at the memory's bandwidth.
"""

import math
from typing import NamedTuple

import torch

from cornernet import config
from cornernet.config import Config
from cornernet.profiling.counting import Step, count

GIGA, TERA = 1e9, 1e12
TENSOR, TF32, FP32 = 312.0, 156.0, 19.5  # TFLOP/s of an A100 as published: dense bf16 and fp16, TF32, fp32


class Machine(NamedTuple):
    """What a roofline is made of."""

    flops: float  # a second, at most
    bandwidth: float  # bytes a second between memory and processor
    memory: float  # bytes
    link: float  # bytes that a device sends to others a second
    devices: int = 1


def peak_rate(precision: str) -> float:
    """TFLOP/s of an A100 in the precision of a config; convolutions in fp32 run in TF32 unless torch is told not to."""
    if precision != "fp32":
        return TENSOR
    return TF32 if torch.backends.cudnn.allow_tf32 else FP32


def device_batch(settings: Config, devices: int) -> int:
    """Pictures that one device takes at once; raises ValueError where the batch cannot be shared out."""
    parts, batch = devices * settings.train.accumulate, settings.train.batch_size
    if batch % parts:
        near = [n for n in (batch // parts * parts, batch // parts * parts + parts) if n]
        raise ValueError(
            f"train.batch_size={batch} cannot be shared out to {devices} devices in train.accumulate="
            f"{settings.train.accumulate} parts; nearest: {' or '.join(map(str, near))}"
        )
    return batch // parts


class Costs(NamedTuple):
    """Counted for one device; `part` is the batch that it takes at once."""

    part: int
    parts: int  # of its share of a step
    once: Step  # of that batch
    flops: float  # of a picture
    moved: float  # bytes of a picture, without what no picture adds to
    kept: float
    peak: float  # bytes that a picture adds to it
    fixed: float  # bytes without a picture: weights, state, average, gradients and buckets, converted weights
    optimiser: float  # bytes that it moves


def costs(settings: Config, devices: int) -> Costs:
    """Count batches of n and 2 n pictures: a line through both parts what a picture costs from what is there anyway."""
    part = device_batch(settings, devices)
    once, twice = (count(config.override(settings, [f"train.batch_size={n}"])) for n in (part, 2 * part))
    flops, moved, kept, peak = ((b - a) / part for a, b in zip(_varying(once), _varying(twice), strict=True))
    average = once.weights if settings.train.ema is not None else 0
    # DistributedDataParallel sends copies; gradients outlive a part of the batch if there are more parts
    beside = once.gradients * ((devices > 1) + (settings.train.accumulate > 1))
    fixed = once.weights + once.state + average + beside + max(0, once.peak - part * peak)
    updated = 2 * (once.weights + once.state + average) + once.gradients  # each read and written once, as fused
    return Costs(part, settings.train.accumulate, once, flops, moved, kept, peak, fixed, updated)


def _varying(step: Step) -> tuple[int, int, int, int]:
    return step.flops, step.moved, step.kept, step.peak


class Times(NamedTuple):
    """Seconds of one step."""

    arithmetic: float  # all operations at the peak rate
    traffic: float  # all bytes at the full bandwidth
    one_by_one: float  # each operation by what bounds it, since one runs after the other
    all_reduce: float  # of the gradients, if nothing hides it

    @property
    def roofline(self) -> float:
        """The least that the step can take."""
        return max(self.arithmetic, self.traffic)


def times(found: Costs, machine: Machine) -> Times:
    """Costs of a device on a machine -> Times; the all-reduce is a ring, whose bytes each device sends once round."""
    update = found.optimiser / machine.bandwidth
    each = sum(max(f / machine.flops, b / machine.bandwidth) for f, b in found.once.operations)
    share = 2 * (machine.devices - 1) / machine.devices
    return Times(
        found.parts * found.once.flops / machine.flops,
        found.parts * found.once.moved / machine.bandwidth + update,
        found.parts * each + update,
        share * found.once.gradients / machine.link,
    )


def largest_batch(found: Costs, memory: float) -> int:
    """Pictures that one device of so many bytes can take at once."""
    return max(0, math.floor((memory - found.fixed) / found.peak))


def estimate(settings: Config, machine: Machine) -> str:
    """Config and the published figures of its machine -> what a training would need, as text."""
    if settings.train.precision == "auto":  # which asks the hardware: that of these GPUs multiplies in it
        settings = config.override(settings, ["train.precision=bf16"])
    found = costs(settings, machine.devices)
    return "\n".join([*_counted(settings, found), "", *_estimated(settings, found, machine), "", *LEFT_OUT])


def _counted(settings: Config, found: Costs) -> list[str]:
    (height, width), once = settings.data.input_size, found.once
    rows = [
        ("forward", once.forward_flops / found.part / GIGA, "GFLOP a picture"),
        ("forward and backward", found.flops / GIGA, "GFLOP a picture"),
        ("bytes moved", found.moved / GIGA, "GB a picture, by each operation on its own; fusing lowers it"),
        ("kept for backward", found.kept / GIGA, f"GB a picture; {found.peak / GIGA:.2f} at the peak"),
        ("weights", once.weights / GIGA, "GB"),
        ("gradients", once.gradients / GIGA, "GB"),
        ("optimiser state", once.state / GIGA, "GB"),
        ("without a picture", found.fixed / GIGA, "GB: weights, state and what else there is whatever the batch"),
    ]
    return [
        "ESTIMATE from counted operations and published figures of the hardware; nothing of it was run there.",
        "",
        f"a training step of {found.part} pictures of {height} x {width} a device, {settings.train.precision}:",
        *(f"{name:22} {value:10.2f} {unit}" for name, value, unit in rows),
    ]


def _estimated(settings: Config, found: Costs, machine: Machine) -> list[str]:
    took, devices, steps = times(found, machine), machine.devices, settings.train.steps
    pictures, most = devices * found.part * found.parts, largest_batch(found, machine.memory)
    fits = "" if found.part <= most else f": {found.part} do NOT fit; train.accumulate divides them"
    slow, workers = took.one_by_one + took.all_reduce, max(1, settings.data.workers) * devices
    rows = [
        ("largest batch", f"{most:10}", f"pictures a device at once{fits}"),
        ("arithmetic", f"{took.arithmetic * 1e3:10.1f}", "ms a step"),
        ("memory traffic", f"{took.traffic * 1e3:10.1f}", "ms a step"),
        ("one by one", f"{took.one_by_one * 1e3:10.1f}", "ms a step, each operation by what bounds it"),
        ("all-reduce", f"{took.all_reduce * 1e3:10.1f}", "ms a step, if the backward pass hides none of it"),
        ("roofline, 1 device", f"{pictures / devices / took.roofline:10.1f}", "pictures/s"),
        (f"roofline, {devices} devices", f"{pictures / took.roofline:10.1f}", "pictures/s"),
        ("the same, one by one", f"{pictures / slow:10.1f}", "pictures/s, with the all-reduce"),
        (f"{steps} steps", f"{steps * took.roofline / 3600:10.1f}", "hours at the roofline"),
        ("the same, one by one", f"{steps * slow / 3600:10.1f}", "hours, with the all-reduce"),
        ("loader", f"{pictures / took.roofline / workers:10.1f}", f"pictures/s of each of {workers} worker processes"),
    ]
    gpu = f"{machine.flops / TERA:g} TFLOP/s, {machine.bandwidth / TERA:g} TB/s, {machine.memory / GIGA:g} GB"
    head = f"ESTIMATE for {devices} x {gpu}, link {machine.link / GIGA:g} GB/s one way:"
    return [head, *(f"{name:22} {value} {unit}" for name, value, unit in rows)]


LEFT_OUT = (
    "Left out: kernels reach but a part of the peak rate; the time to start them, waiting for the loader, evaluations",
    "and saves; memory that allocator and libraries keep for themselves. So expect more hours and a smaller batch.",
)
