"""Range loss. Zhang, Fang, Wen, Li, Qiao: Range Loss for Deep Face Recognition with Long-tail, 2016, arXiv 1611.08976,
equations 3 to 6.

    L = alpha sum over classes of  k / sum over j = 1 .. k of 1 / d_j  +  beta max(0, margin - d_c)

d_1 .. d_k: the k largest squared distances between embeddings of the class; d_c: the smallest squared distance between
the means of two classes. Both over the rows of the batch; a class with fewer pairs than k takes those it has.

Use it where some classes have few examples: the widest pairs of a class count, not how many it has.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.embedded import TINY, distances, rows

WEIGHT = 0.001  # it grows with the length of the features, about 5 in an untrained network

# named like the built-in; nothing in this file needs that


def range(
    embeddings: Tensor, labels: Tensor, num_classes: int, k: int = 2, alpha: float = 1.0, beta: float = 1.0,
    margin: float = 1.0,
) -> Tensor:  # fmt: skip
    """Embeddings [N, D], labels [N] -> scalar; margin: squared distance that class means keep. Raises for k < 1."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    x, y, real = rows(embeddings, labels)
    member = F.one_hot(y, num_classes).to(x.dtype) * real[:, None]  # [N, C]
    return alpha * within(x, y, real, member, k) + beta * (margin - between(x, y, member)).relu()


def within(x: Tensor, y: Tensor, real: Tensor, member: Tensor, k: int) -> Tensor:
    """Sum over the classes of the harmonic mean of their k largest squared distances."""
    pair = (y[:, None] == y) & (real[:, None] & real)
    pair = pair.triu(1)  # each pair once
    d = torch.where(pair, distances(x).square(), -1)
    widest = d.topk(min(k, max(len(x), 1)), 1).values if len(x) else d  # the k largest of a class are among its rows'
    per_class = torch.where(member.bool()[:, None], widest[:, :, None], -1).flatten(0, 1)  # [N k, C]
    d = per_class.topk(min(k, len(per_class)), 0).values
    found = d >= 0
    d = torch.where(found, d + TINY, torch.inf)
    least = d.detach().amin(0).clamp(max=torch.finfo(d.dtype).max) if len(d) else 0  # of 1 / d, which may underflow
    return (least * found.sum(0) / torch.where(found.any(0), (least / d).sum(0), 1)).sum()


def between(x: Tensor, y: Tensor, member: Tensor) -> Tensor:
    """Smallest squared distance between the means of two classes that are there; infinite without two."""
    count = member.sum(0)[:, None]
    # no matrix product, which autocast would round
    mean = x.new_zeros(len(count), x.shape[1]).index_add(0, y, x) / count.clamp(min=1)
    there = count[:, 0] > 0
    pair = (there[:, None] & there).triu(1)
    return torch.where(pair, distances(mean).square(), torch.inf).amin()
