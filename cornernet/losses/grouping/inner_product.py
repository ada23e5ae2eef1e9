"""Inner product of prediction and truth. ThinkMatch (Thinklab-SJTU), src/loss_func.py at c68c26f, InnerProductLoss.

    L = -1/n sum over i, j of  X_ij S_ij

S: prediction, see losses.matching; X: truth, the identity for corners; n: top-left corners. It lies
in [-1, 0]: minus the share of corners that go to their own partner.

Use it for the share of right partners itself; like hamming it fades on pairs that are far from right.
"""

from torch import Tensor

from cornernet.losses.matching import match_tags, per_source
from cornernet.losses.reduce import at_least_float32
from cornernet.ops.tags import by_tags

WEIGHT = 0.5
pair_distance = by_tags


def inner_product(
    tl_tag: Tensor, br_tag: Tensor, mask: Tensor, tau: float = 0.1, max_iter: int = 10, alone: float | None = 0.5
) -> dict[str, Tensor]:
    """Tags [B, M, D], mask [B, M] -> {"inner_product"} in [-1, 0], scalar, a mean over images.

    tau: distance of tags that counts for one unit of logarithm; max_iter: half-steps of Sinkhorn;
    alone: distance beyond which two corners rather stay alone, null for never.
    """
    s, _, truth, n = match_tags(tl_tag, br_tag, mask, tau, max_iter, alone)
    return {"inner_product": inner_product_loss(s, truth, n, n, per_image=True)}


def inner_product_loss(s: Tensor, truth: Tensor, n1: Tensor, n2: Tensor, *, per_image: bool = False) -> Tensor:
    """S and truth [B, N, M], their counts of rows and columns [B] -> scalar; see matching.per_source."""
    return per_source(-at_least_float32(s) * truth, n1, n2, per_image)
