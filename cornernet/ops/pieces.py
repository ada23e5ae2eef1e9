"""Large maps on a CPU are worked on piece by piece: what a formula holds of a piece stays in the cache.

A map of 10 MB is written to memory and read again by every operation of a formula; a piece of 128 kB is not. Pieces are
no larger than what torch leaves to one thread, for to wait for a second one, thousands of times, costs more than it
helps where other processes keep the cores busy.
"""

import torch
from torch import Tensor

PIECE = 2**15  # cells


def pays(x: Tensor) -> bool:
    """Whether it is worth it: a compiler fuses the formula itself, and a GPU wants few large kernels."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():  # asked first: a size may be unknown there
        return False
    return x.device.type == "cpu" and x.numel() > PIECE


def pieces(x: Tensor) -> tuple[Tensor, ...]:
    """Tensor of any shape, contiguous -> flat views of its pieces."""
    return x.view(-1).split(PIECE)
