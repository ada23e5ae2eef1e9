"""The processes of a distributed run: whether there are others, and what all of them have together. Torch alone."""

from typing import Any

import torch.distributed as dist
from torch import Tensor


def joined() -> bool:
    """Return whether this process is one of a group."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """Number of this process in its group, 0 without one."""
    return dist.get_rank() if joined() else 0


def world() -> int:
    """Return the number of processes, 1 without a group."""
    return dist.get_world_size() if joined() else 1


def total(x: Tensor) -> Tensor:
    """Sum of a tensor over all processes, of its shape; the tensor itself without others. No gradient."""
    if not joined():
        return x
    x = x.clone()
    dist.all_reduce(x)
    return x


def gathered(mine: Any) -> list[Any]:
    """Collect what each process passed in, by rank."""
    found: list[Any] = [mine] * world()
    if joined():
        dist.all_gather_object(found, mine)
    return found
