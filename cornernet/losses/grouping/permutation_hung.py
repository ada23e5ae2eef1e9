"""Permutation loss with Hungarian attention. Yu, Wang, Yan, Li: Learning Deep Graph Matching with Channel-Independent
Embedding and Hungarian Attention, ICLR 2020, openreview rJgBd2NYPH, the Hungarian attention loss.

    L = 1/n sum over i, j of  Z_ij l(S_ij, X_ij),   Z = Hungarian(S) or X
    bce      l(s, x) = -x log s - (1 - x) log(1 - s)                                               equation 14
    focal    l(s, x) = -alpha x (1 - s)^gamma log s - (1 - alpha) (1 - x) s^gamma log(1 - s)       equation 17
    margin   l(s, x) = x max(0, 1 - s - beta) + (1 - x) max(0, s - beta)                           equation 18

S: prediction, see losses.matching; X: truth; Z: the pairs that are right or would be decided on; n:
top-left corners. The assignment is found on the CPU, so each step waits for the device and cannot be compiled as one.

Use it where most pairs are easy: only the truth and the pairs that would be decided on are taught, so a training from
scratch takes longer than with permutation (docs/comparisons.md).
"""

from typing import Literal

import torch
from torch import Tensor

from cornernet.losses.matching import cross_entropy_of, focal_of, match_tags, per_source
from cornernet.losses.reduce import at_least_float32
from cornernet.ops.hungarian import hungarian
from cornernet.ops.tags import by_tags

Form = Literal["bce", "focal", "margin"]
WEIGHT = 0.5
pair_distance = by_tags


def permutation_hung(
    tl_tag: Tensor,
    br_tag: Tensor,
    mask: Tensor,
    tau: float = 0.1,
    max_iter: int = 10,
    alone: float | None = 0.5,
    form: Form = "bce",
    alpha: float = 0.75,
    gamma: float = 2.0,
    beta: float = 0.2,
) -> dict[str, Tensor]:
    """Tags [B, M, D], mask [B, M] -> {"permutation_hung"}, scalar, a mean over images.

    tau: distance of tags that counts for one unit of logarithm; max_iter: half-steps of Sinkhorn;
    alone: distance beyond which two corners rather stay alone, null for never; alpha, gamma: of the focal form, beta of
    the margin.
    """
    s, log_s, truth, n = match_tags(tl_tag, br_tag, mask, tau, max_iter, alone)
    loss = permutation_hung_loss(
        s, truth, n, n, log_s=log_s, per_image=True, form=form, alpha=alpha, gamma=gamma, beta=beta
    )
    return {"permutation_hung": loss}


def permutation_hung_loss(
    s: Tensor,
    truth: Tensor,
    n1: Tensor,
    n2: Tensor,
    *,
    log_s: Tensor | None = None,
    per_image: bool = False,
    form: Form = "bce",
    alpha: float = 0.75,
    gamma: float = 2.0,
    beta: float = 0.2,
) -> Tensor:
    """S in [0, 1] and truth [B, N, M], their counts of rows and columns [B] -> scalar; see matching.per_source."""
    attention = torch.maximum(hungarian(s, n1, n2), truth.to(s.dtype))
    if form == "focal":
        loss = (alpha * truth + (1 - alpha) * (1 - truth)) * focal_of(s, truth, gamma, log_s)
    elif form == "margin":
        loss = ((truth - at_least_float32(s)).abs() - beta).relu()
    else:
        loss = cross_entropy_of(s, truth, log_s)
    return per_source(attention * loss, n1, n2, per_image)
