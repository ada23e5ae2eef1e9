"""Update rules of the box regression simulation: true gradients, and those behind the published figure.

    rule(boxes [4, N], targets [4, N]) -> [4, N], what a step subtracts, but for its rate

Boxes are rows here, x, y, w, h: centre and size, so that what is done to all x runs through adjacent memory.

PAPER holds the rules of Zheng, Wang, Liu, Li, Ye, Ren, 2019, arXiv 1911.08287, as far as they can be told from the
paper, its figure and what is known of its rules; that of diou was chosen among many readings by the curve it gives.
They are not the gradients of the losses:

    all     w and h take twice the true step in the terms of IoU and GIoU
    giou    the intersection inside the union is the product of two lengths that may be negative: boxes apart have none,
            but their union shrinks or grows
    diou    in the step of x and y both sides of the enclosing box, c, are taken to move; and c enters the steps of x, y
            and w with the wrong sign, that of h with the right one. The step in place is about 4.5 times the true one
    ciou    diou, and the aspect term without its divisor w^2 + h^2, as the paper says
"""

from collections.abc import Callable
from math import pi

import torch
from torch import Tensor

from cornernet.ops.boxes import box_iou

Rule = Callable[[Tensor, Tensor], Tensor]


def corners(boxes: Tensor) -> Tensor:
    """Rows x, y, w, h [4, N] -> boxes (x1, y1, x2, y2), [N, 4]; a view of rows, too."""
    middle, half = boxes[:2], boxes[2:] / 2
    return torch.cat([middle - half, middle + half]).T


def iou(boxes: Tensor, targets: Tensor) -> Tensor:
    """Intersection over union of the pairs, [4, N] each -> [N] in [0, 1]."""
    return box_iou(corners(boxes), corners(targets))


def exact(loss: Callable[[Tensor, Tensor], Tensor], weight: float = 1.0) -> Rule:
    """The gradient of a box loss, boxes [N, 4] -> [N], times the weight, by automatic differentiation."""

    def rule(boxes: Tensor, targets: Tensor) -> Tensor:
        boxes = boxes.detach().requires_grad_()
        (slope,) = torch.autograd.grad(loss(corners(boxes), corners(targets)).sum(), boxes)
        return weight * slope

    return rule


def paper_iou(boxes: Tensor, targets: Tensor) -> Tensor:
    """1 - IoU: its gradient, but the step of w and h doubled."""
    return -_by_center(_overlap(boxes, targets)[0])


def paper_giou(boxes: Tensor, targets: Tensor) -> Tensor:
    """1 - IoU + (C - U) / C, the union U with an intersection that may be negative, the step of w and h doubled."""
    slope, union, union_slope = _overlap(boxes, targets)
    width, height = _enclosing(boxes, targets)
    left, top, right, bottom = _outside(boxes, targets)
    area, area_slope = width * height, torch.stack([-left * height, -top * width, right * height, bottom * width])
    return -_by_center(slope + (union_slope * area - union * area_slope) / area**2)


def paper_diou(boxes: Tensor, targets: Tensor) -> Tensor:
    """1 - IoU + d^2 / c^2, the derivatives of c taken wrongly."""
    apart, sides = boxes[:2] - targets[:2], _enclosing(boxes, targets)
    left, top, right, bottom = _outside(boxes, targets)
    d2, c2 = (apart**2).sum(0), (sides**2).sum(0)
    # True would be - sides here for sides.sum(0), and - (left + right) below.
    place = 2 * apart / c2 + 2 * d2 / c2**2 * sides.sum(0) * torch.stack([right - left, bottom - top])
    size = d2 / c2**2 * sides * torch.stack([left + right, -(top + bottom)])
    return paper_iou(boxes, targets) + torch.cat([place, size])


def paper_ciou(boxes: Tensor, targets: Tensor) -> Tensor:
    """The rule of DIoU and a v, v by w and h without the divisor w^2 + h^2."""
    (w, h), (true_w, true_h) = boxes[2:], targets[2:]
    angle = torch.atan(true_w / true_h) - torch.atan(w / h)
    v = 4 / pi**2 * angle**2
    a = v / (1 - iou(boxes, targets) + v + 1e-7)
    step = 8 / pi**2 * a * angle
    return paper_diou(boxes, targets) + torch.stack([torch.zeros_like(w), torch.zeros_like(w), -step * h, step * w])


PAPER: dict[str, Rule] = {"iou": paper_iou, "giou": paper_giou, "diou": paper_diou, "ciou": paper_ciou}


def _edges(boxes: Tensor) -> Tensor:
    """Left, top, right and bottom, [4, N]."""
    return torch.cat([boxes[:2] - boxes[2:] / 2, boxes[:2] + boxes[2:] / 2])


def _by_center(slope: Tensor) -> Tensor:
    """Derivatives by the four edges -> by x, y, and twice those by w, h; [4, N]."""
    return torch.cat([slope[:2] + slope[2:], slope[2:] - slope[:2]])


def _overlap(boxes: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Derivatives of IoU by the edges [4, N], 0 for boxes apart; union, not clamped, [N]; its derivatives [4, N]."""
    mine, theirs = _edges(boxes), _edges(targets)
    w, h = torch.minimum(mine[2:], theirs[2:]) - torch.maximum(mine[:2], theirs[:2])
    inside = torch.cat([mine[:2] > theirs[:2], mine[2:] < theirs[2:]]).to(boxes)
    shared, shared_slope = w * h, inside * torch.stack([-h, -w, h, w])
    union = boxes[2] * boxes[3] + targets[2] * targets[3] - shared
    union_slope = torch.stack([-boxes[3], -boxes[2], boxes[3], boxes[2]]) - shared_slope
    slope = (shared_slope * union - shared * union_slope) / union**2
    return torch.where((w > 0) & (h > 0), slope, 0), union, union_slope


def _enclosing(boxes: Tensor, targets: Tensor) -> Tensor:
    """Width and height of the smallest box around both, [2, N]."""
    mine, theirs = _edges(boxes), _edges(targets)
    return torch.maximum(mine[2:], theirs[2:]) - torch.minimum(mine[:2], theirs[:2])


def _outside(boxes: Tensor, targets: Tensor) -> Tensor:
    """1 where an edge of the box is that of the smallest box around both, else 0, [4, N]."""
    mine, theirs = _edges(boxes), _edges(targets)
    return torch.cat([mine[:2] < theirs[:2], mine[2:] > theirs[2:]]).to(boxes)
