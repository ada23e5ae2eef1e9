"""What a node of GPUs would need for a config: a roofline over counted operations. An estimate, never a measurement.

Williams, Waterman, Patterson 2009, "Roofline: an insightful visual performance model": nothing is done faster than its
operations at the peak rate, nor than its bytes at the memory's bandwidth.
"""

import math
from typing import NamedTuple

import torch

from cornernet.config import Config
from cornernet.profiling.counting import Step, count
from cornernet.profiling.quantities import with_train

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
    """Images that one device takes at once; raises ValueError where the batch cannot be shared out."""
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
    flops: float  # of an image
    moved: float  # bytes of an image, without what no image adds to
    kept: float
    peak: float  # bytes that an image adds to it
    fixed: float  # bytes without an image: weights, state, average, gradients and buckets, converted weights
    optimiser: float  # bytes that it moves


def costs(settings: Config, devices: int) -> Costs:
    """Count batches of n and 2 n images: a line through both parts what an image costs from what is there anyway."""
    part = device_batch(settings, devices)
    once, twice = (count(with_train(settings, batch_size=n)) for n in (part, 2 * part))
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
    """Images that one device of so many bytes can take at once."""
    return max(0, math.floor((memory - found.fixed) / found.peak))


class Estimate(NamedTuple):
    """What a training would need of a machine; an estimate from counted operations, nothing of it was run there."""

    settings: Config  # in the precision that was counted
    machine: Machine
    costs: Costs
    times: Times
    largest_batch: int  # images that one device can take at once


def estimate(settings: Config, machine: Machine) -> Estimate:
    """Config and the published figures of its machine -> what a training would need."""
    if settings.train.precision == "auto":  # which asks the hardware: that of these GPUs multiplies in it
        settings = with_train(settings, precision="bf16")
    found = costs(settings, machine.devices)
    return Estimate(settings, machine, found, times(found, machine), largest_batch(found, machine.memory))
