"""Which anchor is to find which object, by their places alone; `dynamic` has those that ask the network too.

An assigner is called with anchors, boxes, labels, mask and number of classes, and by name with those of these that its
signature has: levels, how many anchors each has; strides [A], pixels, of every anchor's level; logits [B, A, C] and
predicted [B, A, 4], the boxes that the network sees at the moment, both float32 without gradient. Shapes are static:
objects beyond an image's own are masked, not cut.
"""

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
    # [B, A] float32, what a score of the object's class should be, 0 where there is none; None: the IoU of its box
    quality: Tensor | None = None


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
    return gathered(positive, ignored, which, boxes, labels, num_classes)


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
    claimed = near & (iou >= mean + deviation) & inside(anchors, boxes) & (iou > 0)
    best, which = torch.where(claimed, iou, -1).max(1)
    return gathered(best > 0, torch.zeros_like(best, dtype=torch.bool), which, boxes, labels, num_classes)


def pairs(anchors: Tensor, boxes: Tensor, mask: Tensor) -> Tensor:
    """IoU of every object with every anchor [A, 4] or [B, 1, A, 4] -> [B, M, A], 0 for masked objects."""
    return box_iou(boxes[:, :, None], anchors, eps=1e-9) * (mask != 0)[..., None]


def inside(anchors: Tensor, boxes: Tensor) -> Tensor:
    """Whether the centre of every anchor [A, 4] lies inside every box [B, M, 4], [B, M, A]."""
    middle = center(anchors)
    return ((middle > boxes[:, :, None, :2]) & (middle < boxes[:, :, None, 2:])).all(-1)


def gathered(
    positive: Tensor, ignored: Tensor, which: Tensor, boxes: Tensor, labels: Tensor, num_classes: int
) -> Assigned:
    """Anchors [B, A] with an object, to ignore, and the row of the object of each; the objects -> Assigned."""
    found = labels.gather(1, which)
    label = torch.where(positive, found, num_classes).masked_fill(ignored, IGNORED)
    box = boxes.gather(1, which[..., None].expand(-1, -1, 4))
    return Assigned(label, torch.where(positive[..., None], box, 0), positive)
