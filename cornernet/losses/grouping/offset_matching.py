"""Offset loss of a matching. Zanfir, Sminchisescu: Deep Learning of Graph Matching, CVPR 2018, the displacement loss.

    d_i = sum over j of S_ij b_j - t_i,   L = sum over i of sqrt(|d_i - d*_i|^2 / norm^2 + epsilon)

t, b: positions of the corners, so that the true displacement d* is the width and height of the box; S: doubly
stochastic prediction, see losses.matching. A wrong partner costs as much as it lies beside the right one. As published
the sum is divided by the images, not by their corners; for tags it is a mean over each image's objects.

Use it where a wrong partner nearby is to cost less than one far away.
"""

import torch
from torch import Tensor

from cornernet.losses.matching import match_tags, packed
from cornernet.losses.reduce import at_least_float32


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
) -> dict[str, Tensor]:
    """Tags [B, M, D], mask [B, M], corners [B, M, 2] in cells -> {"offset_matching"}, scalar, a mean over images.

    norm: unit of the offsets in cells; tau: distance of tags that counts for one unit of logarithm; max_iter:
    half-steps of Sinkhorn, odd, because the weights of a mean position sum to 1.
    """
    s, _, truth, n = match_tags(tl_tag, br_tag, mask, tau, max_iter)
    tl, br = packed(mask, tl_point, br_point)
    loss = offset_matching_loss(s, truth, tl, br, n, norm=norm, epsilon=epsilon, per_image=True)
    return {"offset_matching": loss}


def offset_matching_loss(
    s: Tensor,
    truth: Tensor,
    tl_point: Tensor,
    br_point: Tensor,
    n1: Tensor | None = None,
    *,
    norm: float = 1.0,
    epsilon: float = 1e-5,
    per_image: bool = False,
) -> Tensor:
    """S and truth [B, N, M], points [B, N, 2] and [B, M, 2], count of rows [B] (None: all) -> scalar.

    As published every row beyond the count adds sqrt(epsilon), a constant; per_image they add nothing.
    """
    n1 = s.new_full((len(s),), s.shape[1]) if n1 is None else n1
    row = torch.arange(s.shape[1], device=s.device) < n1[:, None]
    wrong = displacement(s, tl_point, br_point) - displacement(truth, tl_point, br_point)
    loss = ((wrong / norm).square().sum(-1) * row + epsilon).sqrt()
    return ((loss * row).sum(1) / n1.clamp(min=1)).mean() if per_image else loss.sum() / len(s)


def displacement(s: Tensor, tl_point: Tensor, br_point: Tensor) -> Tensor:
    """Shares [B, N, M], points [B, N, 2] and [B, M, 2] -> from each first point to its mean partner, [B, N, 2]."""
    # no matrix product, which autocast would round
    return (at_least_float32(s)[..., None] * at_least_float32(br_point)[:, None]).sum(2) - at_least_float32(tl_point)
