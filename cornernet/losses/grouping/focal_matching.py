"""Focal loss of a matching. Lin, Goyal, Girshick, He, Dollár: Focal Loss, 2017, arXiv 1708.02002, equation 4, on the
pairs of two sets as in ThinkMatch (Thinklab-SJTU), src/loss_func.py at c68c26f, FocalLoss.

    L = -1/n sum over i, j of  X_ij (1 - S_ij)^gamma log S_ij + (1 - X_ij) S_ij^gamma log(1 - S_ij)

S: prediction, see losses.matching; X: truth, the identity for corners; n: top-left corners. With
gamma 0, the published default, it is the permutation loss.

Use it where most pairs of corners are found already and a few are not.
"""

from torch import Tensor

from cornernet.losses.matching import focal_of, match_tags, per_source
from cornernet.ops.tags import by_tags

WEIGHT = 0.5
pair_distance = by_tags


def focal_matching(
    tl_tag: Tensor,
    br_tag: Tensor,
    mask: Tensor,
    gamma: float = 2.0,
    tau: float = 0.1,
    max_iter: int = 10,
    alone: float | None = 0.5,
) -> dict[str, Tensor]:
    """Tags [B, M, D], mask [B, M] -> {"focal_matching"}, scalar, a mean over images.

    tau: distance of tags that counts for one unit of logarithm; max_iter: half-steps of Sinkhorn;
    alone: distance beyond which two corners rather stay alone, null for never.
    """
    s, log_s, truth, n = match_tags(tl_tag, br_tag, mask, tau, max_iter, alone)
    return {"focal_matching": focal_matching_loss(s, truth, n, n, gamma, log_s=log_s, per_image=True)}


def focal_matching_loss(
    s: Tensor,
    truth: Tensor,
    n1: Tensor,
    n2: Tensor,
    gamma: float = 0.0,
    *,
    log_s: Tensor | None = None,
    per_image: bool = False,
) -> Tensor:
    """S in [0, 1] and truth [B, N, M], their counts of rows and columns [B] -> scalar; see matching.per_source."""
    return per_source(focal_of(s, truth, gamma, log_s), n1, n2, per_image)
