"""Hamming loss of a matching. Rolínek et al.: Deep Graph Matching via Blackbox Differentiation of Combinatorial
Solvers, 2020, arXiv 2003.11657.

    L = sum over i, j of  S_ij (1 - X_ij) + (1 - S_ij) X_ij

X: truth, the identity for corners; S: prediction. The paper's S is a permutation and L a count of errors, trained
through the solver; here it is doubly stochastic (see losses.matching) and has a gradient of its own. The count is a
mean over images as published; for tags each image's is divided by its objects. The bins are cells of the matrix too, so
a share that stays alone is an error there, half of it the row's and half the column's: without that count everyone
alone costs 1, less than everyone in doubt between two or more partners, and tags settle on it. All rows sum to 1
then, so L = 2 (1 - sum of S_ii / n): twice inner_product, plus 2, at half its weight.

Use it for a bounded count of errors, which a few hopeless pairs cannot dominate.
"""

from torch import Tensor

from cornernet.losses.matching import match_tags, per_source
from cornernet.losses.reduce import at_least_float32
from cornernet.ops.tags import by_tags

WEIGHT = 0.25  # so that it pulls as inner_product does
pair_distance = by_tags


def hamming(
    tl_tag: Tensor,
    br_tag: Tensor,
    mask: Tensor,
    tau: float = 0.1,
    max_iter: int = 10,
    alone: float | None = 0.5,
) -> dict[str, Tensor]:
    """Tags [B, M, D], mask [B, M] -> {"hamming"} in [0, 2], scalar, a mean over images.

    tau: distance of tags that counts for one unit of logarithm; max_iter: half-steps of Sinkhorn;
    alone: distance beyond which two corners rather stay alone, null for never.
    """
    s, _, truth, n = match_tags(tl_tag, br_tag, mask, tau, max_iter, alone)
    lone = 1 - (s.sum(1) + s.sum(2)) / 2
    return {"hamming": per_source(errors(s, truth) + lone[..., None] * truth, n, n, per_image=True)}


def hamming_loss(s: Tensor, truth: Tensor) -> Tensor:
    """S in [0, 1] and truth [B, N, M] -> errors, a mean over images, scalar; every entry counts, as published."""
    return errors(s, truth).sum((1, 2)).mean()


def errors(s: Tensor, truth: Tensor) -> Tensor:
    """S in [0, 1] and truth -> chance that each pair is decided wrongly, same shape."""
    s = at_least_float32(s)
    return s * (1 - truth) + (1 - s) * truth
