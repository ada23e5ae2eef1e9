"""What to do about where the time and memory of a training go, in sentences."""

import math
import os
from collections.abc import Iterator

import torch

from cornernet.config import Config
from cornernet.precision import resolve_precision
from cornernet.profiling.breakdown import BACKBONE, HEADS, TARGETS, Breakdown, Loading, cores
from cornernet.profiling.training_step import Place

WAITS, OPTIMISER, PART, READS, FULL = 0.05, 0.15, 0.5, 0.6, 0.8  # shares from which something is said
KEYS_OF = {HEADS: "a smaller model.head.channels", TARGETS: "a smaller data.max_objects"}


def advice(settings: Config, found: Breakdown, where: Place, peak: int) -> list[str]:
    """Sentences on what stands out, each with the key that changes it; one that says so where nothing does."""
    said = [*_loader(found, cores()), *_step(settings, found, where), *_memory(settings, where.device, peak)]
    return said or ["nothing stands out: time goes into the network's layers and their gradients"]


def _loader(found: Breakdown, available: int) -> Iterator[str]:
    share = found.waiting / (found.step + found.waiting)
    if isinstance(found.loading, str) or share < WAITS:
        return
    needed = math.ceil(found.loading.seconds / found.step)
    enough = needed > found.workers and needed <= available
    yield f"the loader takes {share:.0%} of the step: " + (
        f"data.workers={needed}" if enough else f"it would need {needed} processes, and there are {available} cores"
    )
    yield from _reading(found.loading)


def _reading(loading: Loading) -> Iterator[str]:
    if loading.reading > READS * loading.seconds:
        yield (
            f"reading is {loading.reading / loading.seconds:.0%} of the loader's time: images stored about as large as "
            "data.input_size are read faster"
        )


def _step(settings: Config, found: Breakdown, where: Place) -> Iterator[str]:
    cpu = where.device.type == "cpu"
    if where.precision == "fp32" and resolve_precision("auto", cpu) == "bf16":
        yield "this hardware multiplies in bf16: train.precision=bf16"
    seconds = {part.name: part.seconds for part in found.parts}
    if seconds["optimiser"] > OPTIMISER * found.step:
        yield (
            f"the optimiser takes {seconds['optimiser'] / found.step:.0%} of the step, whatever the batch: "
            f"train.batch_size={2 * settings.train.batch_size}"
        )
    forward = found.step - seconds["optimiser"] - seconds["backward"]
    for name, taken in seconds.items():
        if taken > PART * forward and name in KEYS_OF:
            yield f"the {name} take {taken / forward:.0%} of the forward pass: {KEYS_OF[name]}"
        elif taken > PART * forward and name.startswith(f"{BACKBONE}, stride"):
            yield f"the {name} takes {taken / forward:.0%} of the forward pass: fewer channels or blocks at that stride"


def _memory(settings: Config, device: torch.device, peak: int) -> Iterator[str]:
    total = memory(device)
    if total and peak > FULL * total and not settings.train.gradient_checkpointing:
        yield f"memory is {peak / total:.0%} full: train.gradient_checkpointing=true or a smaller train.batch_size"


def memory(device: torch.device) -> int:
    """Bytes of a device, of the machine for a CPU; 0 where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
