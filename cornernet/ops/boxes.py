"""Geometry of boxes (x1, y1, x2, y2) and of pairs of them, row by row: [..., 4] -> [...].

Everything is finite for finite boxes, in value and gradient: nothing is divided by a bare length or area. A box with
x2 < x1 or y2 < y1 counts as empty: its area is 0, not negative. Squares of distances stay finite in float32 up to
coordinates of 1e18.
"""

import torch
from torch import Tensor


def box_wh(boxes: Tensor) -> Tensor:
    """[..., 4] -> width and height, signed, [..., 2]."""
    return boxes[..., 2:] - boxes[..., :2]


def center(boxes: Tensor) -> Tensor:
    """[..., 4] -> x and y of the centres, [..., 2]."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def area(boxes: Tensor) -> Tensor:
    """[..., 4] -> [...]; the gradient of a box without width is its height, so that it can grow again."""
    both = box_wh(boxes)
    w, h = torch.where(both < 0, 0, both).unbind(-1)  # clamp has no gradient at 0
    return w * h


def intersection(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Area shared by the pairs, [...]; boxes that only touch share nothing and have no gradient."""
    lower = torch.maximum(boxes1[..., :2], boxes2[..., :2])
    upper = torch.minimum(boxes1[..., 2:], boxes2[..., 2:])
    w, h = (upper - lower).relu().unbind(-1)
    return w * h


def union(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Area covered by either of the pair, [...]."""
    return area(boxes1) + area(boxes2) - intersection(boxes1, boxes2)


def box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Intersection over union of the pairs, in [0, 1], [...]; 0 where neither has an area."""
    return intersection(boxes1, boxes2) / (union(boxes1, boxes2) + eps)


def enclosing(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Smallest box around both of the pair, [..., 4]."""
    lower = torch.minimum(boxes1[..., :2], boxes2[..., :2])
    upper = torch.maximum(boxes1[..., 2:], boxes2[..., 2:])
    return torch.cat([lower, upper], -1)


def squared_diagonal(boxes: Tensor) -> Tensor:
    """w^2 + h^2, [...]."""
    return (box_wh(boxes) ** 2).sum(-1)


def squared_center_distance(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Squared distance between the centres of the pairs, [...]."""
    return ((center(boxes1) - center(boxes2)) ** 2).sum(-1)


def scaled(boxes: Tensor, ratio: Tensor | float) -> Tensor:
    """The same centres, sizes times the ratio, [..., 4]."""
    middle, half = center(boxes), box_wh(boxes) * (ratio / 2)
    return torch.cat([middle - half, middle + half], -1)
