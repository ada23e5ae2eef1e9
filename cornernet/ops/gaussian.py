"""Gaussian bumps: how far a corner may move before its box goes bad, and drawing that tolerance into a heatmap.

CornerNet, Law and Deng 2018, arXiv 1808.01244, section 3.2 (figure 5).
"""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

Roots = Literal["right", "old"]
REACHES = (2, 5, 10, 20)  # bumps are drawn in windows of one size; these part small objects from large ones


def gaussian_radius(height: Tensor, width: Tensor, min_overlap: float, roots: Roots = "right") -> Tensor:
    """Largest shift r of both corners of a box that keeps its IoU with the true box at min_overlap o or more.

    height, width: same shape, float, cells -> same shape, cells. Three worst cases, each a quadratic in r:
    both corners move the same way, (h-r)(w-r) = 2o/(1+o) hw; both move inwards, (h-2r)(w-2r) = o hw;
    both move outwards, o (h+2r)(w+2r) = hw. The smallest positive root of the three. roots: old for the radius of the
    first releases of CornerNet and of those built on them, whose roots a x^2 + b x + c = 0 are (-b + sqrt(..)) / 2
    whatever a is, with b of the other sign in the first two: 10.9 instead of 3.3 for 40 x 40 cells at 0.7.
    """
    shifted, shrunk, grown = _radii(height, width, min_overlap, roots)
    return torch.minimum(torch.minimum(shifted, shrunk), grown)


def largest_radius(height: int, width: int, min_overlap: float, roots: Roots = "right") -> int:
    """Whole cells that no radius on a map of this size exceeds: the formula grows with both sides."""
    return max(0, int(min(_radii(float(height), float(width), min_overlap, roots)) + 1e-6))


def _radii(height, width, overlap, roots):
    """The three radii by one of the two ways."""
    return (_roots if roots == "right" else _old_roots)(height, width, overlap)


def _old_roots(height, width, overlap):
    """The three numbers that the first releases took for the radii."""
    side, area = height + width, height * width
    shifted = (side + (side**2 - 4 * (area * (1 - overlap) / (1 + overlap))) ** 0.5) / 2
    shrunk = (2 * side + ((2 * side) ** 2 - 16 * ((1 - overlap) * area)) ** 0.5) / 2
    outward = -2 * overlap * side
    grown = (outward + (outward**2 - 16 * overlap * ((overlap - 1) * area)) ** 0.5) / 2
    return shifted, shrunk, grown


def _roots(height, width, overlap):
    """The three radii, for tensors and plain numbers alike.

    Terms are grouped as in the published code: exact integers would otherwise truncate to the cell below.
    """
    side = height + width
    shifted = (side - (side**2 - 4 * (width * height * (1 - overlap) / (1 + overlap))) ** 0.5) / 2
    shrunk = (2 * side - ((2 * side) ** 2 - 16 * ((1 - overlap) * width * height)) ** 0.5) / 8
    outward = -2 * overlap * side
    grown = (outward + (outward**2 - 16 * overlap * ((overlap - 1) * width * height)) ** 0.5) / (8 * overlap)
    return shifted, shrunk, grown


def draw_gaussians(
    shape: tuple[int, int, int], plane: Tensor, x: Tensor, y: Tensor, radius: Tensor, mask: Tensor, reach: int,
    spread: float = 6.0,
) -> Tensor:  # fmt: skip
    """Planes of shape (P, H, W) with Gaussians that are 1 at their cells and 0 beyond their radii -> float32.

    plane, x, y (inside), radius [n] int64, mask [n] bool: bumps to draw; reach >= every radius. sigma is a part of the
    window, (2r+1)/spread. Where bumps overlap the larger value stays. Shapes are static, except in eager mode on CPU.
    """
    heat = torch.zeros(shape, device=radius.device)
    bumps = torch.stack((plane, x, y, radius.masked_fill(~mask, -1)))  # [4, n]; no cell is within a radius of -1
    for some, window in _by_size(bumps, reach):
        _draw(heat, some, window, spread)
    return heat


def _eager_cpu(device: torch.device) -> bool:
    return device.type == "cpu" and not torch.compiler.is_compiling()


def _draw(heat: Tensor, bumps: Tensor, reach: int, spread: float) -> None:
    """Draw bumps [4, n] in square windows of 2 reach + 1 cells, in place."""
    plane, x, y, radius = bumps
    height, width = heat.shape[1:]
    step = torch.arange(-reach, reach + 1, device=heat.device)
    inside = step.abs() <= radius[:, None]  # [n, S]
    fade = (
        torch.exp(-(spread**2 / 2) * (step / (2 * radius[:, None] + 1)) ** 2) * inside
    )  # [n, S], the bump along one axis
    # what lies off the map lands on its edge, where the same bump is higher: the maximum ignores it
    rows, columns = (y[:, None] + step).clamp(0, height - 1), (x[:, None] + step).clamp(0, width - 1)
    cells = ((plane[:, None] * height + rows) * width)[:, :, None] + columns[:, None]  # [n, S, S]
    heat.view(-1).scatter_reduce_(0, cells.view(-1), (fade[:, :, None] * fade[:, None]).view(-1), "amax")


def _by_size(bumps: Tensor, reach: int) -> Iterator[tuple[Tensor, int]]:
    """Bumps [4, n] -> groups of them with the reach of each; one where counting them would stop a device or a graph.

    On CPU a window that fits is worth it: most objects are small, and 59 x 59 cells hold a 3 x 3 bump 387 times.
    """
    if not _eager_cpu(bumps.device):
        yield bumps, reach
        return
    limits = (*(r for r in REACHES if r < reach), reach)
    bumps = bumps[:, bumps[3] >= 0]
    group = torch.bucketize(bumps[3], torch.tensor(limits))
    counts = group.bincount(minlength=len(limits)).tolist()
    for some, limit in zip(bumps[:, group.argsort()].split(counts, 1), limits, strict=True):
        if some.shape[1]:
            yield some, limit
