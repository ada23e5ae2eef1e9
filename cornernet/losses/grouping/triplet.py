"""Triplet loss. Schroff, Kalenichenko, Philbin: FaceNet, 2015, arXiv 1503.03832, equation 3; batch-all and batch-hard:
Hermans, Beyer, Leibe: In Defense of the Triplet Loss, 2017, arXiv 1703.07737, equations 5 and 6.

    L = mean over anchors a, negatives n of  max(0, d(a, p) - d(a, n) + margin)

a: a corner; p: the other corner of its object; n: with batch_all every corner of another object, with batch_hard the
nearest of them, with semi_hard those with d(a, p) < d(a, n) <= d(a, p) + margin, with random one of those that are not
far enough, d(a, n) < d(a, p) + margin, drawn anew at every call by torch's generator. d: distance of two corners' tags,
its square as in FaceNet with squared.

Use it where only the order of distances should count; since it fixes no scale, decode with an assignment or choose
test.ae_threshold anew.
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.corner_pairs import corner_pairs, mean_of
from cornernet.ops.tags import by_tags

Mining = Literal["batch_all", "batch_hard", "semi_hard", "random"]
WEIGHT = 0.5
pair_distance = by_tags


def triplet(
    tl_tag: Tensor,
    br_tag: Tensor,
    mask: Tensor,
    margin: float = 1.0,
    mining: Mining = "batch_all",
    nonzero: bool = True,
    squared: bool = False,
) -> dict[str, Tensor]:
    """Tags [B, M, D], mask [B, M] -> {"triplet"}, scalar, a mean over images. Equation 3 of FaceNet.

    nonzero: the mean is over the triplets above 0 alone, as Hermans et al. found best. Raises ValueError for another
    mining.
    """
    distance, same, other = corner_pairs(tl_tag, br_tag, mask)
    distance = distance**2 if squared else distance
    partner = distance.roll(mask.shape[1], 2).diagonal(0, 1, 2)  # corner m belongs to corner m + M and back
    return {"triplet": triplet_loss(partner, distance, same.any(2), other, margin, mining, nonzero)}


def triplet_loss(
    positive: Tensor,
    negative: Tensor,
    anchor: Tensor,
    other: Tensor,
    margin: float = 1.0,
    mining: Mining = "batch_all",
    nonzero: bool = True,
) -> Tensor:
    """Distances of anchors to their positives [B, A] and to P points [B, A, P], which anchors are real [B, A] bool,
    which points are negatives [B, A, P] bool -> scalar.
    """
    if mining not in get_args(Mining):
        raise ValueError(f"mining must be one of {', '.join(get_args(Mining))}, got {mining!r}")
    chosen, gap = other & anchor[:, :, None], negative - positive[:, :, None]
    if mining == "semi_hard":
        chosen = chosen & (gap > 0) & (gap <= margin)
    elif mining == "random":
        drawn = torch.where(chosen & (gap < margin), torch.rand_like(gap), -1)
        chosen = (drawn >= 0) & (drawn == F.pad(drawn, (1, 0), value=-1.0).amax(2, keepdim=True))
    elif mining == "batch_hard":  # the column in front is for anchors, and images, without negatives
        gap = F.pad(gap.masked_fill(~chosen, float("inf")), (1, 0), value=float("inf")).amin(2, keepdim=True)
        chosen = chosen.any(2, keepdim=True)
    return mean_of((margin - gap).relu(), chosen, nonzero)
