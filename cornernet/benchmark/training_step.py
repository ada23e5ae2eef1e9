"""Seconds and memory of the parts of one optimisation step."""

import resource
import time
from collections.abc import Callable

import torch

from cornernet import detectors
from cornernet.config import Config
from cornernet.hardware import resolve_precision
from cornernet.optim import build_optimizer
from cornernet.structures import Batch

OBJECTS, CLASSES = 8, 80


def step(settings: Config, repeats: int = 3) -> str:
    """Time forward, backward and optimiser of a training step on random pictures -> a table with medians.

    The batch is train.batch_size pictures of data.input_size with 8 objects of 80 classes each. Raises
    FloatingPointError if the loss is not finite.
    """
    torch.manual_seed(settings.seed)
    device = torch.device("cuda" if torch.cuda.is_available() and settings.train.device == "auto" else "cpu")
    detector = detectors.build(settings, CLASSES).to(device).train()
    optimizer = build_optimizer(detector, settings.train)
    batch = Batch(*(x.to(device) for x in random_batch(settings)))
    rows: dict[str, list[float]] = {"forward and loss": [], "backward": [], "optimiser": []}
    for _ in range(repeats):
        terms = _timed(rows["forward and loss"], lambda: _forward(detector, batch, settings, device), device)
        _timed(rows["backward"], terms["total"].backward, device)
        _timed(rows["optimiser"], optimizer.step, device)
        optimizer.zero_grad()
        if not torch.isfinite(terms["total"]):
            raise FloatingPointError(f"the loss is not finite: {float(terms['total'])}")
    return _table(settings, rows, terms, device)


def random_batch(settings: Config) -> Batch:
    """Noise pictures with random boxes, as the loader would collate them."""
    (height, width), images, slots = settings.data.input_size, settings.train.batch_size, settings.data.max_objects
    corners = torch.rand(images, slots, 4)
    boxes = torch.cat((corners[..., :2] * 0.5, 0.5 + corners[..., 2:] * 0.5), -1)
    return Batch(
        images=torch.randint(0, 256, (images, 3, height, width), dtype=torch.uint8),
        boxes=boxes * torch.tensor([width, height] * 2),
        labels=torch.randint(0, CLASSES, (images, slots)),
        mask=(torch.arange(slots) < OBJECTS).expand(images, -1),
        index=torch.arange(images),
        dropped=torch.zeros(images, dtype=torch.int64),
        colour_order=torch.arange(3).expand(images, -1),
        colour_alpha=torch.zeros(images, 3),
        colour_light=torch.zeros(images, 3),
    )


def _forward(detector, batch: Batch, settings: Config, device: torch.device) -> dict[str, torch.Tensor]:
    half = resolve_precision(settings.train.precision, device.type == "cpu") != "fp32"
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        return detector(batch)


def _timed(seconds: list[float], call: Callable, device: torch.device):
    start = time.perf_counter()
    result = call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds.append(time.perf_counter() - start)
    return result


def _table(settings: Config, rows: dict[str, list[float]], terms: dict, device: torch.device) -> str:
    medians = {name: sorted(values)[len(values) // 2] for name, values in rows.items()}
    size, images = settings.data.input_size, settings.train.batch_size
    precision = resolve_precision(settings.train.precision, device.type == "cpu")
    where = f"{device}, {precision}, {torch.get_num_threads()} threads"
    head = f"{images} pictures of {size[0]} x {size[1]} on {where}"
    lines = [f"{name:18} {value:8.3f} s" for name, value in {**medians, "step": sum(medians.values())}.items()]
    loss = ", ".join(f"{name} {value.item():.4g}" for name, value in terms.items())
    return "\n".join([head, *lines, f"{'peak memory':18} {_peak(device):8.2f} GiB", f"loss: {loss}"])


def _peak(device: torch.device) -> float:
    """GiB: of the process on a CPU, of the allocator on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
