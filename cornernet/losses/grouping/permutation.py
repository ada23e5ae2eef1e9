"""Permutation loss. Wang, Yan, Yang: Learning Combinatorial Embedding Networks for Deep Graph Matching, 2019,
arXiv 1904.00597, the permutation loss.

    L = -1/n sum over i, j of  X_ij log S_ij + (1 - X_ij) log(1 - S_ij)

S: prediction, see losses.matching; X: truth, the identity for corners; n: top-left corners.

Use it as the first matching loss to try: right pairs up, wrong pairs down. Where shapes crowded together it was ahead
of ae (docs/comparisons.md).
"""

from torch import Tensor

from cornernet.losses.matching import cross_entropy_of, match_tags, per_source
from cornernet.ops.tags import by_tags

WEIGHT = 0.5
pair_distance = by_tags


def permutation(
    tl_tag: Tensor, br_tag: Tensor, mask: Tensor, tau: float = 0.1, max_iter: int = 10, alone: float | None = 0.5
) -> dict[str, Tensor]:
    """Tags [B, M, D], mask [B, M] -> {"permutation"}, scalar, a mean over images.

    tau: distance of tags that counts for one unit of logarithm; max_iter: half-steps of Sinkhorn;
    alone: distance beyond which two corners rather stay alone, null for never.
    """
    s, log_s, truth, n = match_tags(tl_tag, br_tag, mask, tau, max_iter, alone)
    return {"permutation": permutation_loss(s, truth, n, n, log_s=log_s, per_image=True)}


def permutation_loss(
    s: Tensor, truth: Tensor, n1: Tensor, n2: Tensor, *, log_s: Tensor | None = None, per_image: bool = False
) -> Tensor:
    """S in [0, 1] and truth [B, N, M], their counts of rows and columns [B] -> scalar; see matching.per_source."""
    return per_source(cross_entropy_of(s, truth, log_s), n1, n2, per_image)
