"""Heatmaps that are lent again and again, so that a step writes the cells it draws and not 84 MB of zeros."""

import numpy as np
import torch
from torch import Tensor


class Planes:
    """Owner of one block of planes; whoever is lent them has them until the next time.

    A backward pass that still needs what they held raises autograd's error of a tensor modified in place.
    """

    def __init__(self):
        self._heat: Tensor | None = None
        self._drawn: list[Tensor] = []

    def lend(self, shape: tuple[int, int, int]) -> Tensor:
        """Shape (P, H, W) -> zeros, float32, on the CPU: those lent before if they had that shape."""
        if self._heat is None or tuple(self._heat.shape) != shape:
            self._heat, self._drawn = zeros(shape), []
        for cells in self._drawn:
            self._heat.view(-1).index_fill_(0, cells, 0)
        self._drawn = []
        return self._heat

    def note(self, cells: Tensor) -> None:
        """Flat cells [n] int64 of the planes that now hold something else than 0."""
        self._drawn.append(cells)


def zeros(shape: tuple[int, int, int]) -> Tensor:
    """Zeros on the CPU, float32, by NumPy: it asks the system for them, in large pages, instead of writing them."""
    return torch.from_numpy(np.zeros(shape, np.float32))
