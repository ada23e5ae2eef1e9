"""Boxes as seen from anchors: model.anchor.coding=deltas. Girshick et al.: R-CNN, 2014, arXiv 1311.2524, appendix C.

    t = ((gx - ax) / aw, (gy - ay) / ah, log(gw / aw), log(gh / ah))

g, a: box and anchor by centre and size.
"""

from collections.abc import Callable
from math import log
from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.ops.boxes import box_wh, center


class Coding(NamedTuple):
    """How AnchorMaps.deltas are read: boxes or deltas, and anchors, [..., 4] -> deltas or boxes [..., 4]."""

    encode: Callable[[Tensor, Tensor], Tensor]
    decode: Callable[[Tensor, Tensor], Tensor]


LARGEST = log(1000 / 16)  # of the logarithms, so that no box grows without bound


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Boxes and anchors [..., 4] xyxy -> deltas [..., 4]. Boxes and anchors must have an area."""
    return torch.cat([(center(boxes) - center(anchors)) / box_wh(anchors), (box_wh(boxes) / box_wh(anchors)).log()], -1)


def decode(deltas: Tensor, anchors: Tensor) -> Tensor:
    """Deltas and anchors [..., 4] -> boxes [..., 4] xyxy; the inverse of `encode`."""
    middle = center(anchors) + deltas[..., :2] * box_wh(anchors)
    half = box_wh(anchors) * deltas[..., 2:].clamp(max=LARGEST).exp() / 2
    return torch.cat([middle - half, middle + half], -1)


DELTAS = Coding(encode, decode)
