"""Stages on the whole of Hourglass-104, the published network: minutes and 9 GB, so they run only if named."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measure import Given, Stage, formulation
from benchmarks.tensors import CLASSES
from cornernet import config, detectors
from cornernet.backbones.recompute import recompute
from cornernet.config import Config
from cornernet.detectors.canvas import plain_images, training_images
from cornernet.detectors.corner.head import CornerPool
from cornernet.ops.gather import gather_cells
from cornernet.prediction import inference
from cornernet.profiling.training_step import random_batch
from cornernet.structures import Batch
from cornernet.training.optim import build_optimizer

LAYOUTS = (torch.channels_last, torch.contiguous_format)  # ours, the published one


def training(given: Given) -> Stage:
    """Forward, loss, backward and Adam in three ways; the reference and the floor are float32.

    The floor is the network's convolutions alone, there and back.
    """
    settings = _settings(given)
    (detector, step), (plain, plain_step) = (_trained(settings, layout) for layout in LAYOUTS)
    batch = random_batch(settings)
    convs = convolutions(detector, lambda: detector.network(training_images(batch, detector.mean, detector.std)))
    modules = [formulation(name) for name in ("loss", "pool", "targets")]

    def ours(half: bool = False) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            total = detector(batch)["total"]
        step(total)

    def small() -> None:
        with recomputing(detector):
            ours()

    def reference() -> None:
        with plain_pools(plain, modules[1]):
            plain_step(plain_loss(plain, batch, modules[0], modules[2]))

    work = f"training step, Hourglass-104, {settings.data.input_size[0]} pixels, batch of 1"
    ways = {"float32": ours, "float32, gradient checkpointing": small, "bf16": lambda: ours(half=True)}
    return Stage(work, ways, reference, lambda: bare(convs, backward=True))


def _trained(settings: Config, layout: torch.memory_format) -> tuple[nn.Module, Callable[[Tensor], None]]:
    """A detector in that layout, and what a loss does to it."""
    detector = detectors.build(settings, CLASSES).train().to(memory_format=layout)
    optimizer = build_optimizer(detector, settings.train)

    def step(total: Tensor) -> None:
        total.backward()
        optimizer.step()
        optimizer.zero_grad()

    return detector, step


@contextmanager
def recomputing(detector: nn.Module) -> Iterator[None]:
    """While this lasts the network computes its features twice."""
    segments = detector.network.segments()
    recompute(segments)
    try:
        yield
    finally:
        for module in segments:
            del module.forward  # that of its class comes back


def predicting(given: Given) -> Stage:
    """One image to boxes; the floor is the network's convolutions alone."""
    settings = _settings(given)
    detector, plain_detector = (detectors.build(settings, CLASSES).eval().to(memory_format=x) for x in LAYOUTS)
    height, width = settings.data.input_size
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    images = torch.from_numpy(image).permute(2, 0, 1)[None].contiguous()
    pixels = plain_images(images, detector.mean, detector.std)
    with torch.inference_mode():
        convs = convolutions(detector, lambda: detector.network(pixels))
    plain, pools = formulation("detections"), formulation("pool")

    def reference() -> None:
        with plain_pools(plain_detector, pools), torch.inference_mode():
            plain.detect(plain_detector.network(plain_images(images, detector.mean, detector.std))[-1], CLASSES)

    work = f"inference, Hourglass-104, {height} pixels, image to boxes, float32"
    ours = {"": lambda: inference.detect(detector, [image])}
    return Stage(work, ours, reference, lambda: bare(convs, backward=False))


def _settings(given: Given) -> Config:
    return config.load(given.config, ["train.batch_size=1", "train.precision=fp32", "train.device=cpu"])


def plain_loss(detector: nn.Module, batch: Batch, loss, targets) -> Tensor:
    """The reference's loss of a batch, by the reference's targets."""
    maps = detector.network(training_images(batch, detector.mean, detector.std))
    shape, counts = maps[-1].tl_heat.shape, batch.mask.sum(1).tolist()
    sizes = tuple(batch.images.shape[-2:]), tuple(shape[-2:])
    found = targets.encode(batch.boxes, batch.labels, counts, shape[1], *sizes, slots=batch.boxes.shape[1])
    tl_heat, br_heat, mask, tl_offset, br_offset, *index = found
    outs = [
        out
        for m in maps
        for out in (
            m.tl_heat, m.br_heat, gather_cells(m.tl_tag, index[0]), gather_cells(m.br_tag, index[1]),
            gather_cells(m.tl_offset, index[0]), gather_cells(m.br_offset, index[1]),
        )
    ]  # fmt: skip
    return loss.corner_loss(outs, [tl_heat, br_heat, mask.bool(), tl_offset, br_offset])


@contextmanager
def plain_pools(detector: nn.Module, pools) -> Iterator[None]:
    """While this lasts the network pools corners as the reference does."""
    modules = [module for module in detector.modules() if isinstance(module, CornerPool)]
    before = [(module.vertical, module.horizontal) for module in modules]
    for module, (vertical, horizontal) in zip(modules, before, strict=True):
        module.vertical, module.horizontal = (
            pools.POOLS[call.__name__.removesuffix("_pool")] for call in (vertical, horizontal)
        )
    try:
        yield
    finally:
        for module, pair in zip(modules, before, strict=True):
            module.vertical, module.horizontal = pair


def convolutions(detector: nn.Module, run) -> list[tuple[nn.Conv2d, Tensor]]:
    """The convolutions that a run of the network calls, each with ones of the shape and layout of its input."""
    found: list = []
    ones: dict[torch.Size, Tensor] = {}  # made here, since a floor is not to wait for new memory

    def note(module: nn.Conv2d, inputs: tuple[Tensor]) -> None:
        (x,) = inputs
        found.append((module, ones.setdefault(x.shape, torch.ones_like(x))))

    convs = [module for module in detector.modules() if isinstance(module, nn.Conv2d)]
    hooks = [module.register_forward_pre_hook(note) for module in convs]
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    return found


def bare(convs: list[tuple[nn.Conv2d, Tensor]], backward: bool) -> None:
    """These convolutions alone, with the gradients of input and weight if backward."""
    for module, x in convs:
        x = x.detach().requires_grad_(backward)
        with torch.set_grad_enabled(backward):
            y = F.conv2d(x, module.weight, None, module.stride, module.padding)
        if backward:
            torch.autograd.grad(y, (x, module.weight), y.detach())
