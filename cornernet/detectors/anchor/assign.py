"""Which anchor is to find which object. Shapes are static: objects beyond an image's own are masked, not cut."""

from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.ops.boxes import box_iou, center

IGNORED = -1


class Assigned(NamedTuple):
    """What the anchors of a batch are trained towards."""

    labels: Tensor  # [B, A] int64, class, num_classes for background, -1 to ignore
    boxes: Tensor  # [B, A, 4] float32, the object's box; 0 where there is none
    positive: Tensor  # [B, A] bool, the anchor has an object


def max_iou(
    anchors: Tensor, boxes: Tensor, labels: Tensor, mask: Tensor, num_classes: int,
    positive_iou: float = 0.5, negative_iou: float = 0.4,
) -> Assigned:  # fmt: skip
    """Anchors [A, 4], boxes [B, M, 4], labels and mask [B, M] -> Assigned. RetinaNet, arXiv 1708.02002, section 4.

    An anchor takes the object it overlaps most, if by positive_iou or more; below negative_iou it is background, in
    between ignored. Anchors that some object overlaps most of all are positive however little that is; they too take
    the object that they overlap most themselves, as in torchvision.
    """
    iou = pairs(anchors, boxes, mask)  # [B, M, A]
    best, which = iou.max(1)
    most = iou.amax(2, keepdim=True)
    low = ((iou == most) & (most > 0)).any(1)  # some object has no better anchor
    positive = (best >= positive_iou) | low
    ignored = ~positive & (best >= negative_iou)
    return _gathered(positive, ignored, which, boxes, labels, num_classes)


def atss(
    anchors: Tensor, boxes: Tensor, labels: Tensor, mask: Tensor, num_classes: int, levels: list[int],
    candidates: int = 9,
) -> Assigned:  # fmt: skip
    """Same, with the number of anchors of every level -> Assigned. Zhang et al.: ATSS, 2019, arXiv 1912.02424,
    algorithm 1.

    Candidates of an object are the anchors of each level whose centres lie nearest to its own. Those are positive that
    overlap it by the candidates' mean IoU plus their standard deviation and have their centre inside it; an anchor
    that several objects claim goes to the one it overlaps most. An object too small to hold a centre gets none.
    """
    iou = pairs(anchors, boxes, mask)
    near = torch.zeros_like(iou, dtype=torch.bool)
    distance = (center(boxes)[:, :, None] - center(anchors)).square().sum(-1)
    for part in torch.arange(len(anchors), device=anchors.device).split(levels):
        chosen = distance[..., part].topk(min(candidates, len(part)), dim=-1, largest=False).indices
        near.scatter_(2, part[chosen], True)
    count = near.sum(2, keepdim=True)
    mean = (iou * near).sum(2, keepdim=True) / count
    deviation = (((iou - mean).square() * near).sum(2, keepdim=True) / (count - 1).clamp(min=1)).sqrt()
    inside = (center(anchors) > boxes[:, :, None, :2]) & (center(anchors) < boxes[:, :, None, 2:])
    claimed = near & (iou >= mean + deviation) & inside.all(-1) & (iou > 0)
    best, which = torch.where(claimed, iou, -1).max(1)
    return _gathered(best > 0, torch.zeros_like(best, dtype=torch.bool), which, boxes, labels, num_classes)


def pairs(anchors: Tensor, boxes: Tensor, mask: Tensor) -> Tensor:
    """IoU of every object with every anchor [B, M, A], 0 for masked objects."""
    return box_iou(boxes[:, :, None], anchors, eps=1e-9) * (mask != 0)[..., None]


def _gathered(
    positive: Tensor, ignored: Tensor, which: Tensor, boxes: Tensor, labels: Tensor, num_classes: int
) -> Assigned:
    found = labels.gather(1, which)
    label = torch.where(positive, found, num_classes).masked_fill(ignored, IGNORED)
    box = boxes.gather(1, which[..., None].expand(-1, -1, 4))
    return Assigned(label, torch.where(positive[..., None], box, 0), positive)
