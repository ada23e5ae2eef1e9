"""Offset loss of a matching. Zanfir, Sminchisescu: Deep Learning of Graph Matching, CVPR 2018, the displacement loss.

    d_i = sum over j of S_ij b_j - t_i,   L = sum over i of sqrt(|d_i - d*_i|^2 / norm^2 + epsilon)

t, b: positions of the corners, so that the true displacement d* is the width and height of the box; S: doubly
stochastic prediction, see losses.matching. A wrong partner costs as much as it lies beside the right one, and a share
that stays alone that share of the box. As published the sum is divided by the images, not by their corners; for tags it
is a mean over each image's objects.

Use it where a wrong partner nearby is to cost less than one far away.
"""

import torch
from torch import Tensor

from cornernet.losses.matching import match_tags, packed
from cornernet.losses.reduce import at_least_float32
from cornernet.ops.tags import by_tags

WEIGHT = 0.5
pair_distance = by_tags


def offset_matching(
    tl_tag: Tensor,
    br_tag: Tensor,
    mask: Tensor,
    tl_point: Tensor,
    br_point: Tensor,
    norm: float = 1.0,
    epsilon: float = 1e-5,
    tau: float = 0.1,
    max_iter: int = 11,
    alone: float | None = 0.5,
) -> dict[str, Tensor]:
    """Tags [B, M, D], mask [B, M], corners [B, M, 2] in cells -> {"offset_matching"}, scalar, a mean over images.

    norm: unit of the offsets in cells; tau: distance of tags that counts for one unit of logarithm; max_iter:
    half-steps of Sinkhorn, odd, because the weights of a mean position sum to 1; alone: distance beyond which two
    corners rather stay alone, null for never.
    """
    s, _, _, n = match_tags(tl_tag, br_tag, mask, tau, max_iter, alone)
    tl, br = packed(mask, tl_point, br_point)
    br = br[:, None] - tl[:, :, None]  # as seen from each top-left corner, so that a lone share is one of no distance
    wrong = (s[..., None] * br).sum(2) - br.diagonal(dim1=1, dim2=2).transpose(1, 2)
    loss = mean_length(wrong, counted_rows(wrong, n), norm, epsilon, per_image=True)
    return {"offset_matching": loss}


def offset_matching_loss(
    s: Tensor,
    truth: Tensor,
    tl_point: Tensor,
    br_point: Tensor,
    n1: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    norm: float = 1.0,
    epsilon: float = 1e-5,
    per_image: bool = False,
) -> Tensor:
    """S and truth [B, N, M], points [B, N, 2] and [B, M, 2], count of rows [B] (None: all) -> scalar.

    mask [B, N, 2]: the coordinates that count, as `displacement` gives it, in the place of the count. As published
    every row that does not count adds sqrt(epsilon), a constant; per_image they add nothing.
    """
    predicted, counted = displacement(s, tl_point, br_point, n1)
    wrong = predicted - displacement(truth, tl_point, br_point)[0]
    return mean_length(wrong, counted if mask is None else mask, norm, epsilon, per_image)


def mean_length(wrong: Tensor, mask: Tensor, norm: float, epsilon: float, per_image: bool) -> Tensor:
    """Errors of displacement and their mask [B, N, 2] -> scalar."""
    row = (mask != 0).any(-1)
    loss = ((wrong / norm).square() * mask).sum(-1).add(epsilon).sqrt()
    return ((loss * row).sum(1) / row.sum(1).clamp(min=1)).mean() if per_image else loss.sum() / len(wrong)


def displacement(s: Tensor, tl_point: Tensor, br_point: Tensor, n1: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Shares [B, N, M], points [B, N, 2] and [B, M, 2] -> from each first point to its mean partner, [B, N, 2].

    And the mask [B, N, 2] of those that count, the first n1 [B] (None: all), 1 and 0.
    """
    # no matrix product, which autocast would round
    found = (at_least_float32(s)[..., None] * at_least_float32(br_point)[:, None]).sum(2) - at_least_float32(tl_point)
    return found, torch.ones_like(found) if n1 is None else counted_rows(found, n1)


def counted_rows(displacements: Tensor, n1: Tensor) -> Tensor:
    """Displacements [B, N, 2], count of rows [B] -> mask of the same shape, 1 in the first so many rows, else 0."""
    row = torch.arange(displacements.shape[1], device=displacements.device) < n1[:, None]
    return row[..., None].to(displacements.dtype).expand_as(displacements)
