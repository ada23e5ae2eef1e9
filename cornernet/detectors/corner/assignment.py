"""Pairs of corners as an assignment: every corner belongs to one box at most.

Among the pairs that may be boxes those are kept whose worth is largest in sum, so that two objects with tags alike keep
a corner each, where the nearest tag would have given both to one. Sinkhorn is the soft form of it, on the device (as in
SuperGlue, Sarlin et al. 2020, arXiv 1911.11763, section 3.2); Hungarian the exact one, on the CPU.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.ops.hungarian import hungarian
from cornernet.ops.sinkhorn import sinkhorn

Assignment = Callable[[Tensor, Tensor, Tensor], Tensor]
TAU = 0.02  # temperature of Sinkhorn, in units of worth
ROUNDS = 8  # in which corners find each other; those left over are cold
IMPOSSIBLE = -1.0  # worth of what is no pair; exp(-50) beside staying alone


def assignment(grouping: str) -> Assignment | None:
    """Value of test.grouping -> rule(keep, distance, heat [B, K, K]) -> keep with at most one pair a corner.

    None for distance, which leaves every pair. Raises ValueError for another name.
    """
    rules = {"distance": None, "sinkhorn": by_sinkhorn, "hungarian": by_hungarian}
    if grouping not in rules:
        raise ValueError(f"test.grouping must be one of {', '.join(rules)}, got {grouping!r}")
    return rules[grouping]


def worth(keep: Tensor, distance: Tensor, heat: Tensor) -> Tensor:
    """Possible pairs [B, K, K] bool, their distances and heats -> heat times 1 for tags alike to 1/2 for the farthest.

    So two pairs of hot corners are never given up for one whose tags agree better.
    """
    farthest = distance.where(keep, 0).flatten(1).amax(1)[:, None, None].clamp(min=torch.finfo(distance.dtype).tiny)
    return heat * (1 - distance / (2 * farthest))


def by_hungarian(keep: Tensor, distance: Tensor, heat: Tensor) -> Tensor:
    """Pairs [B, K, K] -> those of the largest total worth; waits for the device."""
    return keep & (hungarian(worth(keep, distance, heat).where(keep, 0)) > 0)


def by_sinkhorn(keep: Tensor, distance: Tensor, heat: Tensor, half_steps: int = 100) -> Tensor:
    """Pairs [B, K, K] -> those whose shares of Sinkhorn's matrix are the largest; of equal ones the first.

    Static shapes, nothing waits for the device. The total worth is a few percent below the best.
    """
    rows, columns = keep.shape[1:]
    scores = worth(keep, distance, heat).where(keep, IMPOSSIBLE)
    alone = F.pad(scores, (0, rows, 0, columns))  # partners of worth 0 for whoever has no other
    share = sinkhorn(alone, max_iter=half_steps, tau=TAU)[:, :rows, :columns]
    taken = torch.zeros_like(keep)
    for _ in range(ROUNDS):
        free = keep & ~taken.any(1, keepdim=True) & ~taken.any(2, keepdim=True)
        taken = taken | (free & _mutual(share.where(free, -1)))
    return taken


def _mutual(share: Tensor) -> Tensor:
    """Pairs [B, K, K] in which each is the other's largest; of equal ones the first, so that none is chosen twice."""
    first, second = (torch.zeros_like(share).scatter_(dim, share.argmax(dim, keepdim=True), 1) for dim in (1, 2))
    return first * second > 0
