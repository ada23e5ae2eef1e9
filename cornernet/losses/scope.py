"""What one process must multiply its terms by so that training on several equals training on the whole batch by one.

DistributedDataParallel averages gradients over the W processes, each of which has divided by its own count n_local
where one process would have divided by n_global. The share n_local W / n_global, with the epsilons of the divisions,
makes the average right; the values, averaged over processes, come out right as well.
"""

import torch
from torch import Tensor

from cornernet import processes
from cornernet.losses.reduce import EPSILON, objects, positives


def share(count: Tensor) -> Tensor | float:
    """What this process divides a sum by, 0-dim -> factor of its quotient by max(count, 1); 1 without peers."""
    if not processes.joined():
        return 1.0
    return count.clamp(min=1) * processes.world() / processes.total(count).clamp(min=1)


def offset_share(mask: Tensor) -> Tensor | float:
    """Mask [B, M] of this process -> factor of a term of the offset role; 1 without peers."""
    if not processes.joined():
        return 1.0
    count = objects(mask)
    return (count + EPSILON) * processes.world() / (processes.total(count) + EPSILON)


def shares(tl_heat: Tensor, br_heat: Tensor, mask: Tensor) -> tuple[Tensor | float, Tensor | float, Tensor | float]:
    """Targets of this process -> factors of its top-left heat, bottom-right heat and offset terms; 1 without peers.

    One all-reduce of three numbers on the device; nothing waits for the host.
    """
    if not processes.joined():
        return 1.0, 1.0, 1.0
    local = torch.stack([positives(tl_heat), positives(br_heat), objects(mask)])
    total = processes.total(local)
    heat = local[:2].clamp(min=1) / total[:2].clamp(min=1)
    offset = (local[2] + EPSILON) / (total[2] + EPSILON)
    world = processes.world()
    return heat[0] * world, heat[1] * world, offset * world
