"""Contrastive loss. Hadsell, Chopra, LeCun: Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006,
equation 4.

    mean kinds    L = mean over pairs of one class of    max(0, d - pos_margin)^power
                    + mean over pairs of two classes of  max(0, neg_margin - d)^power
    mean pairs    L = mean over pairs of (y max(0, d - pos_margin)^power + (1 - y) max(0, neg_margin - d)^power) / 2

d: Euclidean distance of two embeddings, of length 1 unless normalize is off; y: 1 for a pair of one class, 0 of two.
The paper sums what `pairs` takes the mean of; `kinds` gives the few pairs of one class as much to say as the many of
two. Where nonzero is on, the means are over the pairs that are not yet where they should be. `contrastive_pairs` is the
paper's loss of pairs that you have yourself.

Use it for a plain metric of the classes, without a vector for each of them.
"""

from typing import Literal

import torch
from torch import Tensor

from cornernet.losses.corner_pairs import mean_of
from cornernet.losses.embedded import distances, rows, unit
from cornernet.losses.grouping.contrastive import contrastive_loss, pulls_and_pushes
from cornernet.losses.labelled_pairs import labelled_pairs
from cornernet.losses.reduce import at_least_float32

WEIGHT = 0.1


def contrastive(
    embeddings: Tensor,
    labels: Tensor,
    pos_margin: float = 0.0,
    neg_margin: float = 1.0,
    power: Literal[1, 2] = 2,
    nonzero: bool = True,
    normalize: bool = True,
    mean: Literal["kinds", "pairs"] = "kinds",
) -> Tensor:
    """Embeddings [N, D], labels [N] -> scalar. Hadsell et al., equation 4.

    power: 2 as in the paper, 1 as in many a library; nonzero: means over the terms above 0 alone, not over all.
    """
    r = rows(embeddings, labels)
    d = distances(unit(r.x) if normalize else r.x)
    same, other = labelled_pairs(r)
    if mean == "pairs":
        each = torch.where(same, *pulls_and_pushes(d, pos_margin, neg_margin, power)) / 2
        return mean_of(each[None], (same | other)[None], nonzero)
    pull, push = contrastive_loss(d[None], same[None], other[None], pos_margin, neg_margin, power, nonzero)
    return pull + push


def contrastive_pairs(x0: Tensor, x1: Tensor, label: Tensor, margin: float = 1.0) -> Tensor:
    """Embeddings [N, D] of two sides, label [N], 1 for a pair of one class and 0 of two -> scalar, the mean over pairs.

    L = mean of (y d^2 + (1 - y) max(0, margin - d)^2) / 2, 0 of no pairs. Hadsell et al., equation 4.
    """
    d = (at_least_float32(x0) - at_least_float32(x1)).norm(dim=1)  # no gradient between equal ones
    pull, push = pulls_and_pushes(d, 0.0, margin, 2)
    return torch.where(label.bool(), pull, push).sum() / (2 * max(len(d), 1))
