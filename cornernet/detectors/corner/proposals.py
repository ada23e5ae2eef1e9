"""What a region stage is trained on: boxes of the predicted corners and of the objects, and what each of them shows.

Duan et al.: Corner Proposal Network, 2020, arXiv 2007.13816, section 3.2. An image with fewer boxes than slots repeats
them in turn and the repeats are ignored, so that norms see boxes as they are. A CPU has as many slots as the fullest
image of the batch has boxes; elsewhere, where the host would wait for that number, shapes are static.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.ops.boxes import box_iou
from cornernet.structures import Detections

IGNORED = -1
LEAST = 2  # slots, since a norm of one row has no variance


class Proposals(NamedTuple):
    """Boxes of a batch: those of the corners, of the objects, and repeats."""

    boxes: Tensor  # [B, N, 4] float32, cells
    labels: Tensor  # [B, N] int64: class of the object, C for none, -1 where it does not count
    quality: Tensor  # [B, N] float32, IoU with that object, 0 for none
    given: Tensor  # [B, N] bool, an object's own box


@torch.no_grad()
def proposals(
    found: Detections, boxes: Tensor, labels: Tensor, mask: Tensor, num_classes: int, positive_iou: float = 0.7,
    least_iou: float = 0.5,
) -> Proposals:  # fmt: skip
    """Boxes of corners [B, N, 4] in cells with score -1 for none, objects [B, M, 4] in cells, labels, mask [B, M].

    A box is of the object that it overlaps most, if by positive_iou or more; an object's best box of all is too, if by
    least_iou or more. The objects' own boxes come behind them. -> Proposals of at most N + M boxes.
    """
    valid, mask = found.scores > 0, mask > 0
    overlap = box_iou(boxes[:, :, None], found.boxes[:, None]) * (mask[:, :, None] & valid[:, None])  # [B, M, N]
    best, which = overlap.max(1)
    most = overlap.amax(2, keepdim=True)
    positive = (best >= positive_iou) | ((overlap == most) & (most >= least_iou)).any(1)
    label = torch.where(positive, labels.gather(1, which), num_classes)
    counted = torch.cat([valid, mask], 1)
    shown, counts = _in_turn(counted, held_slots(counted))
    every = torch.cat([found.boxes, boxes.to(found.boxes.dtype)], 1)
    return Proposals(
        every.gather(1, shown[..., None].expand(-1, -1, 4)),
        torch.where(counts, torch.cat([label, labels], 1).gather(1, shown), IGNORED),
        torch.cat([best * positive, mask.to(best.dtype)], 1).gather(1, shown) * counts,
        (shown >= valid.shape[1]) & counts,
    )


def held_slots(counted: Tensor) -> int:
    """Slots [B, N] bool -> how many there shall be: on a CPU those of the fullest image, which costs it no waiting."""
    if counted.device.type != "cpu" or torch.compiler.is_compiling():
        return counted.shape[1]
    return min(counted.shape[1], max(LEAST, int(counted.sum(1).amax())))


def _in_turn(counted: Tensor, slots: int) -> tuple[Tensor, Tensor]:
    """Slots [B, N] bool -> of each of so many slots what it shows, those that count first and then again in turn.

    Places among the N [B, slots] int64, and whether it is shown for the first time [B, slots] bool.
    """
    order = counted.byte().argsort(dim=1, descending=True, stable=True)  # those that count, then the others
    number, place = counted.sum(1, keepdim=True), torch.arange(slots, device=counted.device)
    return order.gather(1, place % number.clamp(min=1)), place < number
