"""Seconds and memory of the parts of one optimisation step."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.config import Config
from cornernet.detectors import Detector
from cornernet.hardware import peak_bytes, to_device
from cornernet.precision import resolve_precision
from cornernet.profiling import memory
from cornernet.structures import Batch
from cornernet.training import build_optimizer, train_mode, untrained

OBJECTS, CLASSES = 8, 80
PARTS = ("forward and loss", "backward", "optimiser")


class Measured(NamedTuple):
    """What a training step took: medians in seconds by part, bytes, and the terms of its last loss."""

    seconds: dict[str, float]
    peak: int  # of the process on a CPU, of the allocator on a GPU
    constant: int  # of it, what no image adds to: weights, gradients, optimiser state and the bare process
    terms: dict[str, float]


def measure(
    settings: Config, repeats: int = 3, classes: int = CLASSES, objects: int = OBJECTS, warm: int = 0, least: float = 0
) -> Measured:
    """Time `repeats` training steps after `warm` that do not count, and more of them until they took `least` seconds.

    The batch is train.batch_size noise images of data.input_size with so many objects of so many classes each. Raises
    FloatingPointError if the loss is not finite.
    """
    torch.manual_seed(settings.seed)
    device = place(settings).device
    bare = peak_bytes(device)
    detector, optimizer, batch = made(settings, classes, objects, device)
    for _ in range(warm):
        one_step(detector, optimizer, batch, settings, {name: [] for name in PARTS})
    seconds: dict[str, list[float]] = {name: [] for name in PARTS}
    while len(seconds[PARTS[0]]) < repeats or sum(map(sum, seconds.values())) < least:
        terms = one_step(detector, optimizer, batch, settings, seconds)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    weights = sum(p.nbytes for p in detector.parameters())
    constant = bare + 2 * weights + memory.state_bytes(optimizer)
    return Measured(medians, peak_bytes(device), constant, {name: value.item() for name, value in terms.items()})


class Place(NamedTuple):
    """Where and how training steps of some settings run."""

    device: torch.device
    precision: str
    threads: int


def place(settings: Config) -> Place:
    """Where a training of these settings would run."""
    device = torch.device("cuda" if torch.cuda.is_available() and settings.train.device == "auto" else "cpu")
    precision = resolve_precision(settings.train.precision, device.type == "cpu")
    return Place(device, precision, torch.get_num_threads())


def made(
    settings: Config, classes: int, objects: int, device: torch.device
) -> tuple[Detector, torch.optim.Optimizer, Batch]:
    """Detector in training mode, its optimiser and a random batch, in the memory layout of the settings."""
    detector = untrained(settings, classes, device)
    train_mode(detector, settings.train)
    batch = to_device(random_batch(settings, classes, objects), device, settings.train.channels_last)
    return detector, build_optimizer(detector, settings.train), batch


def one_step(
    detector: Detector, optimizer: torch.optim.Optimizer, batch: Batch, settings: Config, rows: dict[str, list[float]]
) -> dict[str, Tensor]:
    """One training step -> its loss terms; the seconds of its parts are appended to the rows."""
    device = batch.images.device
    terms = _timed(rows[PARTS[0]], lambda: forward(detector, batch, settings), device)
    _timed(rows[PARTS[1]], terms["total"].backward, device)
    _timed(rows[PARTS[2]], optimizer.step, device)
    optimizer.zero_grad()
    if not torch.isfinite(terms["total"]):
        raise FloatingPointError(f"the loss is not finite: {float(terms['total'])}")
    return terms


def random_batch(settings: Config, classes: int = CLASSES, objects: int = OBJECTS) -> Batch:
    """Noise images with random boxes, as the loader would collate them: at most data.max_objects an image."""
    (height, width), images, slots = settings.data.input_size, settings.train.batch_size, settings.data.max_objects
    corners = torch.rand(images, slots, 4)
    boxes = torch.cat((corners[..., :2] * 0.5, 0.5 + corners[..., 2:] * 0.5), -1)
    return Batch(
        images=torch.randint(0, 256, (images, 3, height, width), dtype=torch.uint8),
        boxes=boxes * torch.tensor([width, height] * 2),
        labels=torch.randint(0, classes, (images, slots)),
        mask=(torch.arange(slots) < objects).expand(images, -1),
        index=torch.arange(images),
        dropped=torch.zeros(images, dtype=torch.int64),
    )


def forward(detector: Detector, batch: Batch, settings: Config) -> dict[str, Tensor]:
    """Loss terms of a batch, in the precision of the settings."""
    kind = batch.images.device.type
    half = resolve_precision(settings.train.precision, kind == "cpu") != "fp32"
    with torch.autocast(kind, torch.bfloat16, enabled=half):
        return detector(batch)


def _timed(seconds: list[float], call: Callable, device: torch.device):
    start = time.perf_counter()
    result = call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds.append(time.perf_counter() - start)
    return result
