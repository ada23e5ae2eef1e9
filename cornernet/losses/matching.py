"""Grouping as the matching of two sets, top-left and bottom-right corners: what the losses on matrices of pairs share.

    S = Sinkhorn(-d / tau),  d_ij = mean over the D numbers of |t_i - b_j|

t, b: tags of the corners; S_ij: share of top-left corner i that belongs to bottom-right corner j. Slot k of both tags
is object k, so the truth is the identity over the slots that hold objects. Sinkhorn networks for matching: Wang, Yan,
Yang, 2019, arXiv 1904.00597. The distance is the one that the decoder reads.

Sinkhorn sees differences alone: were every top-left tag moved by a constant, S would hardly change, and a decoder that
asks for a small distance would find nothing. So each corner may also stay alone, at the price of half `alone`, as with
the dustbins of SuperGlue (Sarlin et al., 2020, arXiv 1911.11763, section 3.2): a pair is worth its price only where
d < alone, which is what test.ae_threshold asks of it. Rows of S then sum to less than 1.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import at_least_float32, occupied
from cornernet.ops.sinkhorn import log_sinkhorn
from cornernet.ops.tags import tag_distance

FAR = 1e15  # distances end here, so that their squares and sums are finite in float32
TINY = torch.finfo(torch.float32).tiny  # logarithms end at -87
EPSILON = 1e-15  # of the published focal loss, inside the logarithms of what is not given as one


class Matching(NamedTuple):
    """Prediction and truth for the corners of a batch, the occupied slots of every image first."""

    s: Tensor  # [B, M, M] in [0, 1], rows and columns sum to 1 at most
    log_s: Tensor  # [B, M, M], exact where s underflows
    truth: Tensor  # [B, M, M], the identity
    n: Tensor  # [B] int64, objects of the image


def match_tags(
    tl_tag: Tensor, br_tag: Tensor, mask: Tensor, tau: float, max_iter: int, alone: float | None = None
) -> Matching:
    """Tags [B, M, D], mask [B, M], temperature and half-steps of Sinkhorn, price of two lone corners -> Matching.

    alone None: nobody stays alone, S is doubly stochastic.
    """
    t, b = packed(mask, tl_tag, br_tag)
    n, scores = (mask != 0).sum(1), -tag_distance(t, b).clamp(max=FAR)
    if alone is None:
        log_s = log_sinkhorn(scores, n, n, max_iter=max_iter, tau=tau)
    else:
        slots = torch.arange(scores.shape[1], device=scores.device) < n[:, None]
        log_s = log_sinkhorn(with_bins(scores, n, alone, tau), 2 * n, 2 * n, max_iter=max_iter, tau=tau)
        log_s = log_s[:, : scores.shape[1], : scores.shape[2]]
        log_s = log_s.masked_fill(~(slots[:, :, None] & slots[:, None]), torch.finfo(log_s.dtype).min / 4)
    truth = torch.eye(log_s.shape[1], dtype=log_s.dtype, device=log_s.device).expand_as(log_s)
    return Matching(log_s.exp(), log_s, truth, n)


def with_bins(scores: Tensor, n: Tensor, alone: float, tau: float) -> Tensor:
    """Scores [B, M, M] of the first n [B] corners of each kind -> [B, 2M, 2M], right behind them n bins.

    Bins that nobody needs take each other. That is worth tau log(n), or their sheer number would lower the price.
    """
    slots = scores.shape[1]
    wide = F.pad(scores, (0, slots, 0, slots))
    real = torch.arange(2 * slots, device=scores.device) < n[:, None]
    both, one = real[:, :, None] & real[:, None], real[:, :, None] ^ real[:, None]
    idle = tau * n.clamp(min=1).to(scores.dtype).log()[:, None, None]
    return torch.where(both, wide, torch.where(one, -alone / 2, idle))


def packed(mask: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
    """Mask [B, M], tensors [B, M, D] -> the same in at least float32, occupied slots first in their order, then 0."""
    order = (mask != 0).int().argsort(dim=1, descending=True, stable=True).unsqueeze(-1)
    return tuple(occupied(x, mask).gather(1, order.expand_as(x)) for x in tensors)


def per_source(loss: Tensor, n1: Tensor, n2: Tensor, per_image: bool = False) -> Tensor:
    """Loss of every pair [B, N, M] -> the sum over the first n1 [B] rows and n2 [B] columns / rows, scalar.

    As published one sum over the batch is divided by all its rows; per_image: the mean of the images' own quotients.
    """
    rows, columns = (torch.arange(size, device=loss.device) for size in loss.shape[1:])
    inside = (rows < n1[:, None])[:, :, None] & (columns < n2[:, None])[:, None]
    total = torch.where(inside, loss, 0).sum((1, 2))
    return (total / n1.clamp(min=1)).mean() if per_image else total.sum() / n1.sum().clamp(min=1)


def cross_entropy_of(s: Tensor, truth: Tensor, log_s: Tensor | None = None) -> Tensor:
    """Shares in [0, 1], truth of 0 and 1 -> binary cross-entropy of every pair, logarithms cut at -100, same shape.

    log_s: the logarithm of s where it is known: then there is a gradient however small s is.
    """
    s, truth = at_least_float32(s), at_least_float32(truth)
    if log_s is None:
        return F.binary_cross_entropy(s, truth, reduction="none")
    return -truth * log_s - (1 - truth) * log_rest(log_s)


def focal_of(s: Tensor, truth: Tensor, gamma: float, log_s: Tensor | None = None) -> Tensor:
    """The same with every pair weighed by how wrong it is, to the power gamma; logarithms of s + 1e-15 if not given."""
    s, eps = at_least_float32(s), torch.finfo(at_least_float32(s).dtype).eps
    log_yes, log_no = ((s + EPSILON).log(), (1 - s + EPSILON).log()) if log_s is None else (log_s, log_rest(log_s))
    yes, no = (x.clamp(min=eps) ** gamma for x in (s, 1 - s))  # a power below 1 has no finite gradient at 0
    return -no * truth * log_yes - yes * (1 - truth) * log_no


def log_share(s: Tensor, log_s: Tensor | None = None) -> Tensor:
    """The logarithm of s, finite and without gradient at 0; log_s itself if that is known."""
    return at_least_float32(s).clamp(min=TINY).log() if log_s is None else log_s


def log_rest(log_s: Tensor) -> Tensor:
    """The logarithm of 1 - s, which ends where s is 1 to the last digit."""
    return (-log_s.expm1()).clamp(min=torch.finfo(log_s.dtype).eps).log()
