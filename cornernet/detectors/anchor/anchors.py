"""Anchors: boxes of fixed sizes around the cells of every pyramid level. RetinaNet, arXiv 1708.02002, section 4."""

from collections.abc import Sequence

import torch
from torch import Tensor


def cell_anchors(side: float, scales: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """Side of a level's anchors, in pixels, its factors and the ratios h / w -> boxes around the origin [A, 4].

    All ratios of a scale have the area (side scale)^2; whole pixels, as in torchvision. Ratios vary slowest.
    """
    scale = torch.as_tensor(scales) * side
    height = torch.as_tensor(ratios).sqrt()
    w, h = (1 / height[:, None] * scale).flatten(), (height[:, None] * scale).flatten()
    return (torch.stack([-w, -h, w, h], 1) / 2).round()


def grid_anchors(sizes: Sequence[tuple[int, int]], strides: Sequence[int], cells: Tensor) -> list[Tensor]:
    """(h, w) and stride of every level, cell anchors [levels, A, 4] -> each level's anchors [h w A, 4], input pixels.

    Cell (y, x) has its anchors around the point (x, y) times the stride, as in torchvision; A varies fastest.
    """
    found = []
    for (height, width), stride, around in zip(sizes, strides, cells, strict=True):
        y, x = (torch.arange(n, device=cells.device) * stride for n in (height, width))
        y, x = torch.meshgrid(y, x, indexing="ij")
        centers = torch.stack([x, y, x, y], -1).view(-1, 1, 4)
        found.append((centers + around).view(-1, 4))
    return found
