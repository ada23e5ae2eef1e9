"""Which anchor is to find which object, by what the network says of it at the moment; see `assign`."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.detectors.anchor.assign import Assigned, gathered, inside, pairs
from cornernet.ops.boxes import center

OUTSIDE = 1e5  # cost of an anchor that is not at the middle of an object


def tal(
    anchors: Tensor, boxes: Tensor, labels: Tensor, mask: Tensor, num_classes: int, logits: Tensor, predicted: Tensor,
    alpha: float = 1.0, beta: float = 6.0, candidates: int = 13,
) -> Assigned:  # fmt: skip
    """Feng et al.: TOOD, 2021, arXiv 2108.07755, equation 2: t = s^alpha u^beta.

    s: score of the object's class; u: IoU of the predicted box. Of the anchors whose centres lie inside an object those
    of the largest t are positive; one that several objects claim goes to the one it overlaps most. Their quality is t,
    scaled so that the largest of an object is the largest of its IoUs; boxes are not weighed by it, as they are there.
    An object without an anchor inside, or that no predicted box touches, gets none. The released code takes the largest
    first and asks then what lies inside.
    """
    iou = pairs(predicted[:, None], boxes, mask)
    offered = inside(anchors, boxes) & (iou > 0)
    aligned = _of_labels(logits, labels).sigmoid() ** alpha * iou**beta * offered
    claimed = torch.zeros_like(offered).scatter_(2, aligned.topk(min(candidates, len(anchors))).indices, True)
    best, which = torch.where(claimed & offered, iou, -1).max(1)
    positive = best > 0
    own = (torch.arange(boxes.shape[1], device=boxes.device)[:, None] == which[:, None]) & positive[:, None]
    aligned, iou = aligned * own, iou * own
    smallest = torch.finfo(iou.dtype).tiny
    quality = aligned / aligned.amax(2, keepdim=True).clamp(min=smallest) * iou.amax(2, keepdim=True)
    found = gathered(positive, torch.zeros_like(positive), which, boxes, labels, num_classes)
    return found._replace(quality=quality.sum(1))


def simota(
    anchors: Tensor, boxes: Tensor, labels: Tensor, mask: Tensor, num_classes: int, logits: Tensor, predicted: Tensor,
    strides: Tensor, radius: float = 2.5, iou_weight: float = 3.0, candidates: int = 10,
) -> Assigned:  # fmt: skip
    """Ge et al.: YOLOX, 2021, arXiv 2107.08430, section 2.1: cost = BCE - iou_weight log(IoU) + 1e5 outside.

    BCE: of all classes' scores with the object's; IoU: of the predicted box; outside: not inside the object, or not
    within radius strides of its centre along both axes. On offer are the anchors inside any object, or near it. An
    object takes its k cheapest, k the sum of its `candidates` largest IoUs, cut to a whole number, at least 1; an
    anchor that several take goes to the one for which it is cheapest. An object takes none where none is on offer.
    """
    iou, real = pairs(predicted[:, None], boxes, mask), (mask != 0)[..., None]
    within = inside(anchors, boxes)
    near = (center(boxes)[:, :, None] - center(anchors)).abs().amax(-1) < radius * strides
    offered = ((within | near) & real).any(1, keepdim=True) & real
    entropy = F.softplus(logits).sum(-1)[:, None] - _of_labels(logits, labels)
    cost = entropy - iou_weight * (iou + 1e-8).log() + OUTSIDE * ~(within & near)
    cost, count = torch.where(offered, cost, torch.inf), min(candidates, len(anchors))
    wanted = (iou * offered).topk(count).values.sum(2).int().clamp(min=1)
    cheapest = cost.topk(count, largest=False).indices
    taken = torch.arange(count, device=cost.device) < wanted[..., None]
    claimed = torch.zeros_like(offered).scatter_(2, cheapest, taken) & offered
    which = torch.where(claimed, cost, torch.inf).argmin(1)
    positive = claimed.any(1)
    return gathered(positive, torch.zeros_like(positive), which, boxes, labels, num_classes)


def _of_labels(logits: Tensor, labels: Tensor) -> Tensor:
    """Logits [B, A, C], labels [B, M] -> the logit of every object's class at every anchor, [B, M, A]."""
    anchors, classes = logits.shape[1:]
    return logits.transpose(1, 2).gather(1, labels.clamp(0, classes - 1)[..., None].expand(-1, -1, anchors))
