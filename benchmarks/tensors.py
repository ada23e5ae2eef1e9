"""Stages on maps and boxes: loss, corner pooling, target encoding, decoding with suppression."""

import time

import torch
from torch import Tensor

from benchmarks.measure import Given, Stage, formulation
from cornernet.config import Nms
from cornernet.detectors.corner.decode import decode
from cornernet.detectors.corner.targets import encode
from cornernet.losses import AELoss
from cornernet.ops.corner_pool import bottom_pool, left_pool, right_pool, top_pool
from cornernet.prediction import after_nms, best
from cornernet.structures import CornerMaps, CornerTargets, Detections

CLASSES, SIDE, INPUT, SLOTS, OBJECTS = 80, 128, 511, 128, 20
POOLS = {"top": top_pool, "bottom": bottom_pool, "left": left_pool, "right": right_pool}


def loss(given: Given, batch: int = 2, classes: int = CLASSES, side: int = SIDE, stacks: int = 2) -> Stage:
    """AELoss with its gradients; the floor reads logits and target of every map and writes its gradient."""
    plain = formulation("loss")
    goal = encode(*boxes(batch), classes, (INPUT, INPUT), (side, side)).goal
    targets = list(goal)
    outs = [x.requires_grad_() for _ in range(stacks) for x in outputs(batch, classes, side)]
    eager = AELoss(0.1, 0.1, 1)
    torch.compiler.reset()
    compiled, start = torch.compile(eager, fullgraph=True), time.perf_counter()
    torch.autograd.grad(compiled(outs, targets), outs)
    warm = f"the compiled loss took {time.perf_counter() - start:.0f} s to compile (less where a cache is warm)"
    written = [torch.empty_like(goal.tl_heat) for _ in range(2 * stacks)]
    heats = [x.detach() for i, x in enumerate(outs) if i % 6 < 2]

    def floor() -> None:
        for i, out in enumerate(written):
            torch.add(heats[i], targets[i % 2], out=out)

    ways = {
        name: lambda call=call: torch.autograd.grad(call(outs, targets), outs)
        for name, call in (("eager", eager), ("compiled", compiled))
    }
    work = f"AELoss forward and backward, {batch}x{classes}x{side}x{side}, {stacks} stacks"
    return Stage(work, ways, lambda: plain.run(outs, targets), floor, (warm,))


def pool(given: Given, shape: tuple[int, ...] = (2, SIDE, SIDE, SIDE)) -> Stage:
    """All four pools with their gradients; the floor copies the maps there and the gradients back.

    Channels last is the layout in which a network hands its features on (train.channels_last).
    """
    plain = formulation("pool")
    x, grad = torch.randn(shape), torch.randn(shape)
    written = torch.empty(shape)
    layouts = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}
    pairs = {name: [t.contiguous(memory_format=kind) for t in (x, grad)] for name, kind in layouts.items()}

    def run(pools: dict, layout: str) -> list[Tensor]:
        maps, above = pairs[layout]
        maps.requires_grad_()
        return [torch.autograd.grad(call(maps), maps, above)[0] for call in pools.values()]

    def floor() -> None:
        for _ in POOLS:
            written.copy_(x)
            written.copy_(grad)

    work = f"corner pooling forward and backward, all four, {'x'.join(map(str, shape))}"
    ways = {name: lambda name=name: run(POOLS, name) for name in layouts}
    return Stage(work, ways, lambda: run(plain.POOLS, "contiguous"), floor)


def targets(given: Given, batch: int = 8, classes: int = CLASSES) -> Stage:
    """Target encoding; the floor writes the zeros of its heatmaps."""
    plain = formulation("targets")
    found, labels, mask = boxes(batch)
    lists, counts, sizes = (found.tolist(), labels.tolist()), mask.sum(1).tolist(), ((INPUT, INPUT), (SIDE, SIDE))
    written = torch.empty(2, batch, classes, SIDE, SIDE)
    return Stage(
        f"target encoding, {batch} images of {OBJECTS} objects, {classes} classes",
        {"": lambda: encode(found, labels, mask, classes, *sizes)},
        lambda: plain.encode(*lists, counts, classes, *sizes),
        written.zero_,
    )


def detections(given: Given, batch: int = 8, classes: int = CLASSES, side: int = SIDE) -> Stage:
    """Decoding and soft-NMS; the floor reads the heatmaps. Networks give them channels last."""
    plain = formulation("detections")
    maps = peaked(batch, classes, side)
    last = CornerMaps(*(x.contiguous(memory_format=torch.channels_last) for x in maps))

    def floor() -> None:
        maps.tl_heat.sum()
        maps.br_heat.sum()

    return Stage(
        f"decode and soft-NMS, batch of {batch}, K=100, {classes} classes",
        {"channels last": lambda: detect(last), "contiguous": lambda: detect(maps)},
        lambda: plain.detect(maps, classes),
        floor,
    )


def detect(maps: CornerMaps) -> list:
    """Maps of a batch -> the best 100 detections of each image, in cells."""
    found = decode(maps)
    results = []
    for row in range(len(found.scores)):
        rows = Detections(*(x[row][found.scores[row] >= 0] for x in found))
        kept = after_nms(rows, Nms())
        results.append(best(kept.boxes, kept.scores, rows.labels[kept.index], 100))
    return results


def boxes(batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random boxes, labels and mask with 20 objects an image, all inside it."""
    start = torch.rand(batch, SLOTS, 2) * 0.6 * INPUT
    size = 4 + torch.rand(batch, SLOTS, 2) ** 3 * 0.38 * INPUT  # most are small
    mask = (torch.arange(SLOTS) < OBJECTS).repeat(batch, 1)
    return torch.cat([start, start + size], -1), torch.randint(0, CLASSES, (batch, SLOTS)), mask


def outputs(batch: int, classes: int, side: int) -> list[Tensor]:
    """What a stack gives AELoss early in a training."""
    heats = [torch.randn(batch, classes, side, side) - 2.2 for _ in range(2)]
    return [*heats, *torch.randn(2, batch, SLOTS, 1), *torch.rand(2, batch, SLOTS, 2)]


def peaked(batch: int, classes: int, side: int) -> CornerMaps:
    """Maps of a network that has found the objects: bumps with some noise, and the objects' tags at their corners."""
    found, labels, mask = boxes(batch)
    goal: CornerTargets = encode(found, labels % classes, mask, classes, (INPUT, INPUT), (side, side))
    heats = [(0.9 * heat + 0.02 * torch.rand_like(heat)).logit(1e-4) for heat in (goal.tl_heat, goal.br_heat)]
    tags, offsets = torch.rand(2, batch, 1, side, side) * 4, torch.rand(2, batch, 2, side, side)
    for tag, index in zip(tags, (goal.tl_index, goal.br_index), strict=True):
        tag.view(batch, -1).scatter_(1, index[:, :OBJECTS], torch.arange(OBJECTS).float().expand(batch, -1))
    return CornerMaps(*heats, *tags, *offsets)
