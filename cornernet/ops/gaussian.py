"""Gaussian bumps: how far a corner may move before its box goes bad, and drawing that tolerance into a heatmap.

CornerNet, Law and Deng 2018, arXiv 1808.01244, section 3.2 (figure 5).
"""

import torch
from torch import Tensor


def gaussian_radius(height: Tensor, width: Tensor, min_overlap: float) -> Tensor:
    """Largest shift r of both corners of a box that keeps its IoU with the true box at min_overlap or more.

    height, width: same shape, float, cells -> same shape, cells. Three worst cases, each a quadratic in r:
    both corners move the same way, (h-r)(w-r) = 2o/(1+o) hw; both move inwards, (h-2r)(w-2r) = o hw;
    both move outwards, o (h+2r)(w+2r) = hw. The smallest positive root of the three.
    """
    shifted, shrunk, grown = _roots(height, width, min_overlap)
    return torch.minimum(torch.minimum(shifted, shrunk), grown)


def largest_radius(height: int, width: int, min_overlap: float) -> int:
    """Whole cells that no radius on a map of this size exceeds: the formula grows with both sides."""
    return max(0, int(min(_roots(float(height), float(width), min_overlap))))


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
