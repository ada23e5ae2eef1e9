"""Contrastive loss. Hadsell, Chopra, LeCun: Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006,
equation 4, its two terms apart and without the factor 1/2.

    pull = mean over pairs of one object of    max(0, d - pos_margin)^power
    push = mean over pairs of two objects of   max(0, neg_margin - d)^power

d: distance of two corners' tags. The two corners of one object are to be near, corners of different objects, of either
kind, are not. The paper sums; the means are taken over the pairs that are not yet where they should be.

Use it in place of ae for margins on pairs of corners instead of on objects' means.
"""

from typing import Literal

from torch import Tensor

from cornernet.losses.corner_pairs import corner_pairs, mean_of
from cornernet.ops.tags import by_tags

WEIGHT = 0.5
pair_distance = by_tags


def contrastive(
    tl_tag: Tensor,
    br_tag: Tensor,
    mask: Tensor,
    pos_margin: float = 0.0,
    neg_margin: float = 1.0,
    power: Literal[1, 2] = 2,
    nonzero: bool = True,
) -> dict[str, Tensor]:
    """Tags [B, M, D], mask [B, M] -> {"pull", "push"}, scalars, means over images. Hadsell et al., equation 4.

    power: 2 as in the paper, 1 as in many a library; nonzero: means over the terms above 0 alone, not over all.
    """
    pairs = corner_pairs(tl_tag, br_tag, mask)
    pull, push = contrastive_loss(*pairs, pos_margin, neg_margin, power, nonzero)
    return {"pull": pull, "push": push}


def contrastive_loss(
    distance: Tensor,
    same: Tensor,
    other: Tensor,
    pos_margin: float = 0.0,
    neg_margin: float = 1.0,
    power: Literal[1, 2] = 2,
    nonzero: bool = True,
) -> tuple[Tensor, Tensor]:
    """Distances [B, P, P], pairs [B, P, P] bool that belong together and that do not -> pull, push, scalars."""
    pull, push = pulls_and_pushes(distance, pos_margin, neg_margin, power)
    return mean_of(pull, same, nonzero), mean_of(push, other, nonzero)


def pulls_and_pushes(distance: Tensor, pos_margin: float, neg_margin: float, power: int) -> tuple[Tensor, Tensor]:
    """Distances -> what each costs as that of a pair that belongs together, and of one that does not, same shape."""
    return (distance - pos_margin).relu() ** power, (neg_margin - distance).relu() ** power
