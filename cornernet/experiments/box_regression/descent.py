"""The descent of the box regression simulation: start points, all cases of them, 200 steps, the error after each.

Boxes are rows here, x, y, w, h, [4, N], as in `rules`. The set-up is that of Zheng, Wang, Liu, Li, Ye, Ren,
2019, arXiv 1911.08287, section 3; the step sizes are those of their figure, not of their text.
"""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cornernet.experiments.box_regression.rules import Rule, iou

MIDDLE, RADIUS = 10.0, 3.0
RATIOS = (1 / 4, 1 / 3, 1 / 2, 1.0, 2.0, 3.0, 4.0)  # width over height, of anchors and targets
AREAS = (0.5, 0.67, 0.75, 1.0, 1.33, 1.5, 2.0)  # of anchors
CASES = len(AREAS) * len(RATIOS) ** 2  # of one start point
POINTS, ITERATIONS = 5000, 200
CHUNK = 96  # start points that are moved together: 33 thousand boxes, whose tensors fit a cache


class Course(NamedTuple):
    """How the boxes of one loss fared."""

    errors: Tensor  # [201] float64, sum of |dx| + |dy| + |dw| + |dh| over all cases, before and after every iteration
    by_point: Tensor  # [P] float64, that sum at the end for every start point
    iou: float  # mean at the end
    seconds: float


def start_points(points: int, seed: int) -> Tensor:
    """Uniform in the disc, x and y, [2, P] float32; the first of more points are not those of fewer."""
    radius, turn = torch.rand(2, points, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    radius, turn = RADIUS * radius.sqrt(), 2 * math.pi * turn
    return (MIDDLE + torch.stack([radius * turn.cos(), radius * turn.sin()])).float()


def cases(starts: Tensor) -> tuple[Tensor, Tensor]:
    """Start points [2, P] -> anchors and targets, rows x, y, w, h, [4, 343 P] each, those of one point together."""
    ratios, shape = torch.tensor(RATIOS), (2, starts.shape[1], len(RATIOS), len(AREAS), len(RATIOS))
    anchors = _sizes(torch.tensor(AREAS)[:, None], ratios)[:, None, None].expand(shape)
    targets = _sizes(torch.ones(()), ratios)[:, None, :, None, None].expand(shape)
    first = torch.cat([starts[:, :, None, None, None].expand(shape), anchors])
    return first.reshape(4, -1), torch.cat([torch.full(shape, MIDDLE), targets]).reshape(4, -1)


def _sizes(area: Tensor, ratio: Tensor) -> Tensor:
    return torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()])


def rate(iteration: int) -> float:
    """Step size of iteration 1 to 200."""
    return 0.1 if iteration <= 160 else 0.01 if iteration <= 180 else 0.001


def step(rule: Rule, boxes: Tensor, targets: Tensor, size: float) -> Tensor:
    """Boxes and targets, rows x, y, w, h [4, N] -> the boxes after a step; boxes that overlap less step farther."""
    return boxes - size * (2 - iou(boxes, targets)) * rule(boxes, targets)


def descend(
    rule: Rule, starts: Tensor, chunk: int = CHUNK, progress: Callable[[int], Any] = lambda points: None
) -> Course:
    """All cases of the start points [2, P], so many points at a time, through all iterations."""
    began, overlaps, by_point = time.perf_counter(), 0.0, []
    errors = torch.zeros(ITERATIONS + 1, dtype=torch.float64)
    for part in starts.split(chunk, 1):
        boxes, targets = cases(part)
        errors[0] += _error(boxes, targets).sum()
        for iteration in range(1, ITERATIONS + 1):
            boxes = step(rule, boxes, targets, rate(iteration))
            errors[iteration] += _error(boxes, targets).sum()
        by_point.append(_error(boxes, targets).view(-1, CASES).sum(1))
        overlaps += iou(boxes, targets).sum(dtype=torch.float64).item()
        progress(part.shape[1])
    mean = overlaps / (starts.shape[1] * CASES)
    return Course(errors, torch.cat(by_point), mean, time.perf_counter() - began)


def _error(boxes: Tensor, targets: Tensor) -> Tensor:
    """[N] float64, so that sums do not depend on their order."""
    return (boxes - targets).abs().sum(0).double()
