"""What the score of a box is made of: its two corners, how far apart they are, and what a region stage says of it.

    c = mean or geometric mean of the corners' scores
    q = c exp(-distance  d)
    s = (q^corner  pair^pair  class^region) ^ (1 / sum of the exponents)

The exponents and the factor of the distance are `test.weights`; d is the distance of the tags as the grouping loss
reads it. Without a region stage a box scores q; a stage without a word on pairs leaves pair out, its exponent too. The
root keeps scores where a threshold expects them: a box all of whose parts score p scores p. With `test.score: cpn` c is
the mean and s, whatever the exponents, the published

    s = ((q + 1/2) (class + 1/2) - 1/4) / 2,

Duan et al.: Corner Proposal Network, 2020, arXiv 2007.13816, section 3.3, halved into [0, 1].
"""

from typing import Literal

import torch
from torch import Tensor

from cornernet.config import ScoreWeights
from cornernet.structures import RegionLogits

FAR = 1e30  # distance of corners that are not of one box, which may be infinite; 0 times it is 0
How = Literal["mean", "geometric", "cpn"]


def corner_scores(tl: Tensor, br: Tensor, how: How = "mean") -> Tensor:
    """Scores [B, K] of both kinds of corner -> of every pair, c, [B, K, K]; ValueError for another way."""
    tl, br = tl[:, :, None], br[:, None]
    if how in ("mean", "cpn"):
        return (tl + br) / 2
    if how == "geometric":
        return (tl * br).sqrt()
    raise ValueError(f"score must be mean, geometric or cpn, got {how!r}")


def by_distance(corners: Tensor, distance: Tensor, weights: ScoreWeights) -> Tensor:
    """Score c and distance d, same shape -> c exp(-distance d): the score of a pair before a region stage."""
    return corners * torch.exp(-weights.distance * distance.clamp(max=FAR))


def by_region(pairs: Tensor, logits: RegionLogits, how: How, weights: ScoreWeights, min_pair: float) -> Tensor:
    """Scores of pairs [B, N], -1 for none, and what the region stage says -> of each as every class [B, N, C].

    -1 where there is no pair and where the pair score is below min_pair.
    """
    valid = pairs >= 0
    corners = pairs.clamp(min=0)[..., None]
    classes = logits.classes.float().sigmoid()
    parts = [(corners, weights.corner), (classes, weights.region)]
    if logits.pair is not None:
        pair = logits.pair.float().sigmoid()
        parts.append((pair[..., None], weights.pair))
        valid = valid & (pair >= min_pair)
    if how == "cpn":
        scores = ((corners + 0.5) * (classes + 0.5) - 0.25) / 2
    else:
        total = sum(weight for _, weight in parts)
        scores = torch.ones_like(classes)
        for part, weight in parts:
            scores = scores * part.clamp(min=1e-12) ** (weight / total)
    return scores.masked_fill(~valid[..., None], -1)
