"""Cross-entropy of a matching: every top-left corner classifies the bottom-right ones. ThinkMatch (Thinklab-SJTU),
src/loss_func.py at c68c26f, CrossEntropyLoss; with Sinkhorn in the place of the softmax.

    L = -1/n sum over i, j of  X_ij log S_ij

S: prediction, see losses.matching; X: truth, the identity for corners; n: top-left corners.

Use it as permutation without the term for wrong pairs, which rows and columns that sum to 1 imply.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.matching import log_share, match_tags, per_source
from cornernet.ops.tags import by_tags

WEIGHT = 0.5
pair_distance = by_tags


def cross_entropy(
    tl_tag: Tensor, br_tag: Tensor, mask: Tensor, tau: float = 0.1, max_iter: int = 10, alone: float | None = 0.5
) -> dict[str, Tensor]:
    """Tags [B, M, D], mask [B, M] -> {"cross_entropy"}, scalar, a mean over images.

    tau: distance of tags that counts for one unit of logarithm; max_iter: half-steps of Sinkhorn;
    alone: distance beyond which two corners rather stay alone, null for never.
    """
    s, log_s, truth, n = match_tags(tl_tag, br_tag, mask, tau, max_iter, alone)
    return {"cross_entropy": cross_entropy_loss(s, truth, n, n, log_s=log_s, per_image=True)}


def cross_entropy_loss(
    s: Tensor,
    truth: Tensor,
    n1: Tensor,
    n2: Tensor,
    *,
    first_if_unmatched: bool = False,
    log_s: Tensor | None = None,
    per_image: bool = False,
) -> Tensor:
    """S in [0, 1] and truth [B, N, M], their counts of rows and columns [B] -> scalar; see matching.per_source.

    A row without a match adds nothing; first_if_unmatched, as published: it is drawn to its first column.
    """
    if first_if_unmatched:
        truth = F.one_hot(truth.argmax(-1), truth.shape[-1])
    return per_source(-truth * log_share(s, log_s), n1, n2, per_image)
