"""Triplet loss. Schroff, Kalenichenko, Philbin: FaceNet, 2015, arXiv 1503.03832, equation 3; batch-all and batch-hard:
Hermans, Beyer, Leibe: In Defense of the Triplet Loss, 2017, arXiv 1703.07737, equations 5 and 6.

    L = mean over anchors a, positives p, negatives n of  max(0, d(a, p) - d(a, n) + margin)

p: rows of the anchor's class; n: rows of another. batch_hard takes the farthest p and the nearest n of every anchor,
batch_all every p and n, semi_hard those with d(a, p) < d(a, n) <= d(a, p) + margin, random for every p one n of those
that are not far enough, d(a, n) < d(a, p) + margin, drawn anew at every call by torch's generator. d: Euclidean
distance of embeddings of length 1 unless normalize is off, its square as in FaceNet with squared. The sums over all
triplets come from sorted distances, so that N^2 numbers are held and not N^3.

Use it for a metric in which only the order of distances counts; batch_hard once training runs, batch_all to start.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

from cornernet.losses.embedded import distances, rows, unit
from cornernet.losses.labelled_pairs import labelled_pairs

Mining = Literal["batch_all", "batch_hard", "semi_hard", "random"]
FAR = 1e15  # where there is no negative
WEIGHT = 0.1


def triplet(
    embeddings: Tensor,
    labels: Tensor,
    margin: float = 0.2,
    mining: Mining = "batch_hard",
    nonzero: bool = True,
    normalize: bool = True,
    squared: bool = False,
) -> Tensor:
    """Embeddings [N, D], labels [N] -> scalar.

    nonzero: the mean is over the triplets above 0 alone, as Hermans et al. found best. Raises ValueError for another
    mining.
    """
    if mining not in get_args(Mining):
        raise ValueError(f"mining must be one of {', '.join(get_args(Mining))}, got {mining!r}")
    r = rows(embeddings, labels)
    d = distances(unit(r.x) if normalize else r.x)
    d = d**2 if squared else d
    same, other = labelled_pairs(r)
    if mining == "batch_hard":
        return hardest(d, same, other, margin, nonzero)
    if mining == "random":
        return drawn(d, same, other, margin)
    return every(d, same, other, margin, nonzero, semi_hard=mining == "semi_hard")


def hardest(d: Tensor, same: Tensor, other: Tensor, margin: float, nonzero: bool) -> Tensor:
    """Distances [N, N], positives and negatives [N, N] bool -> mean over the anchors that have both."""
    anchor = same.any(1) & other.any(1)
    if not d.numel():
        return d.sum()
    loss = (torch.where(same, d, 0).amax(1) - torch.where(other, d, FAR).amin(1) + margin).relu()
    chosen = anchor & (loss > 0) if nonzero else anchor
    return torch.where(chosen, loss, 0).sum() / chosen.sum().clamp(min=1)


def drawn(d: Tensor, same: Tensor, other: Tensor, margin: float) -> Tensor:
    """Mean over the pairs of anchor and positive [N, N] with a negative that is too near, each with one of those.

    They are the first so many of the anchor's sorted negatives.
    """
    if not d.numel():
        return d.sum()
    negative = torch.where(other, d, FAR).sort(1).values
    count = torch.searchsorted(negative.detach(), (d + margin).detach().contiguous())
    place = (torch.rand_like(d) * count).long().clamp(max=len(d) - 1)
    chosen = same & (count > 0)
    return torch.where(chosen, d - negative.gather(1, place) + margin, 0).sum() / chosen.sum().clamp(min=1)


def every(d: Tensor, same: Tensor, other: Tensor, margin: float, nonzero: bool, semi_hard: bool) -> Tensor:
    """The same over all triplets, or all semi-hard ones.

    For anchor a and positive p the n with a loss are those nearer than d(a, p) + margin: the first so many of the
    sorted negatives, whose sum is a running sum.
    """
    negative = torch.where(other, d, FAR).sort(1).values
    running = torch.cat([torch.zeros_like(d[:, :1]), torch.where(negative < FAR, negative, 0).cumsum(1)], 1)
    last = torch.searchsorted(negative.detach(), (d + margin).detach().contiguous())
    first = torch.searchsorted(negative.detach(), d.detach().contiguous(), right=True) if semi_hard else 0 * last
    count = (last - first) * same
    total = (count * (d + margin) - torch.where(same, running.gather(1, last) - running.gather(1, first), 0)).sum()
    chosen = count if nonzero else _pairs(d, negative, same, other, margin, first, semi_hard)
    return total / chosen.sum().clamp(min=1)


def _pairs(d: Tensor, negative: Tensor, same: Tensor, other: Tensor, margin: float, first: Tensor, semi: bool):
    """How many triplets each anchor and positive make, those without a loss included."""
    if not semi:
        return same * other.sum(1, keepdim=True)
    return same * (torch.searchsorted(negative.detach(), (d + margin).detach().contiguous(), right=True) - first)
