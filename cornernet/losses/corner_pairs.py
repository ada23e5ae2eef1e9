"""Corners of an image as points to compare: what the grouping losses from metric learning share.

The two corners of one object belong together, corners of different objects, of either kind, do not. Their distance is
the one that the decoder reads, the mean absolute difference of their tags.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.losses.matching import FAR
from cornernet.losses.reduce import occupied
from cornernet.ops.tags import tag_distance


class CornerPairs(NamedTuple):
    """All pairs of an image's 2M corners, the top-left ones first."""

    distance: Tensor  # [B, 2M, 2M]
    same: Tensor  # [B, 2M, 2M] bool, the two corners of one object, in both orders
    other: Tensor  # [B, 2M, 2M] bool, corners of two objects


def corner_pairs(tl_tag: Tensor, br_tag: Tensor, mask: Tensor) -> CornerPairs:
    """Tags [B, M, D], mask [B, M] of any dtype -> CornerPairs."""
    corners = torch.cat([occupied(tl_tag, mask), occupied(br_tag, mask)], 1)
    slot = torch.arange(mask.shape[1], device=mask.device).repeat(2)
    kind = torch.arange(len(slot), device=mask.device) < mask.shape[1]
    real = (mask != 0).repeat(1, 2)
    both, equal = real[:, :, None] & real[:, None], slot[:, None] == slot
    distance = tag_distance(corners, corners).clamp(max=FAR)
    return CornerPairs(distance, both & equal & (kind[:, None] != kind), both & ~equal)


def mean_of(loss: Tensor, chosen: Tensor, nonzero: bool) -> Tensor:
    """Loss and choice [B, ...] -> mean over each image's chosen terms, or those above 0 alone, then over images.

    Nothing chosen counts as 0.
    """
    chosen = chosen & (loss > 0) if nonzero else chosen
    total = torch.where(chosen, loss, 0).flatten(1).sum(1)
    return (total / chosen.flatten(1).sum(1).clamp(min=1)).mean()
