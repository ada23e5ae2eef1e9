"""Boxes as distributions of their sides' distances: model.anchor.coding=distribution.

Li et al.: Generalized Focal Loss, 2020, arXiv 2006.04388, section 3.

    distance = stride  sum over i of  i S_i                                   i = 0 .. n
    DFL      = -((i + 1 - y) log(S_i) + (y - i) log(S_(i + 1)))               i = floor(y)

S: softmax of the n + 1 logits of a side, left, top, right or bottom; y: true distance of that side from the anchor's
centre, in strides. A loss of the classification role is asked for each of the two bins around y and weighed as above;
cross_entropy makes it DFL.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from cornernet.detectors.anchor.coding import Coding
from cornernet.detectors.losses import one_each
from cornernet.losses.labels import IGNORED
from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import center

MARGIN = 0.1  # what is beyond the last bin counts as so much before it, so that there is a bin on either side


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Boxes and anchors [..., 4] xyxy -> distances [..., 4] of the sides from the anchors' centres, pixels."""
    return torch.cat([center(anchors) - boxes[..., :2], boxes[..., 2:] - center(anchors)], -1)


def decode(distances: Tensor, anchors: Tensor) -> Tensor:
    """Distances, pixels, and anchors [..., 4] -> boxes [..., 4] xyxy; the inverse of `encode`."""
    return torch.cat([center(anchors) - distances[..., :2], center(anchors) + distances[..., 2:]], -1)


DISTANCES = Coding(encode, decode)


def expected(bins: Tensor) -> Tensor:
    """Logits [..., n + 1] -> mean distance in strides [...]."""
    share = at_least_float32(bins).softmax(-1)
    return (share * torch.arange(bins.shape[-1], device=bins.device)).sum(-1)


def sides(loss: Callable, bins: Tensor, distances: Tensor, positive: Tensor) -> Tensor:
    """Logits [N, 4, n + 1], true distances [N, 4] in strides, whether there is a box [N] -> loss [N], of the four sides
    the mean.

    loss: of the classification role, with n classes: the last bin is what it knows as background, whose logit is 0.
    """
    last = bins.shape[-1] - 1
    y = distances.clamp(0, last - MARGIN)
    before = y.floor()
    rows = (bins[..., :last] - bins[..., last:]).flatten(0, 1)

    def of(bin: Tensor) -> Tensor:
        labels = torch.where(positive[:, None], bin, IGNORED).flatten().long()
        return one_each("distribution", loss(rows, labels), len(rows)).view_as(y)

    return ((before + 1 - y) * of(before) + (y - before) * of(before + 1)).mean(1)
