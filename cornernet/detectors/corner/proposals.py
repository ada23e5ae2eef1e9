"""What a region stage is trained on: boxes of the predicted corners and of the objects, and what each of them shows.

Duan et al.: Corner Proposal Network, 2020, arXiv 2007.13816, section 3.2. Shapes are static: the slots that hold no
proposal and no object repeat the image's boxes in turn and are ignored, so that norms see boxes as they are, all of
them equally often.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.ops.boxes import box_iou
from cornernet.structures import Detections

IGNORED = -1


class Proposals(NamedTuple):
    """Boxes of a batch, those of the objects behind those of the corners."""

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
    least_iou or more. The objects' own boxes come behind them. -> Proposals of N + M boxes.
    """
    valid, mask = found.scores > 0, mask > 0
    overlap = box_iou(boxes[:, :, None], found.boxes[:, None]) * (mask[:, :, None] & valid[:, None])  # [B, M, N]
    best, which = overlap.max(1)
    most = overlap.amax(2, keepdim=True)
    positive = (best >= positive_iou) | ((overlap == most) & (most >= least_iou)).any(1)
    label = torch.where(positive, labels.gather(1, which), num_classes)
    own = torch.where(mask, labels, IGNORED)
    every = torch.cat([found.boxes, boxes.to(found.boxes.dtype)], 1)
    return Proposals(
        every.gather(1, _in_turn(torch.cat([valid, mask], 1))[..., None].expand(-1, -1, 4)),
        torch.cat([torch.where(valid, label, IGNORED), own], 1),
        torch.cat([best * positive, mask.to(best.dtype)], 1),
        torch.cat([torch.zeros_like(valid), mask], 1),
    )


def _in_turn(counted: Tensor) -> Tensor:
    """Slots [B, N] bool -> for every slot one that counts, [B, N] int64: itself, or the next of those that do."""
    order = counted.byte().argsort(dim=1, descending=True, stable=True)  # those that count, then the others
    turn = (~counted).cumsum(1) - 1
    shown = order.gather(1, turn.clamp(min=0) % counted.sum(1, keepdim=True).clamp(min=1))
    return torch.where(counted, torch.arange(counted.shape[1], device=counted.device), shown)
