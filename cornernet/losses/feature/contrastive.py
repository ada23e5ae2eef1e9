"""Contrastive loss. Hadsell, Chopra, LeCun: Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006,
equation 4, without the factor 1/2.

    L = mean over pairs of one class of    max(0, d - pos_margin)^power
      + mean over pairs of two classes of  max(0, neg_margin - d)^power

d: Euclidean distance of two embeddings, of length 1 unless normalize is off. The paper sums; the means are taken over
the pairs that are not yet where they should be.

Use it for a plain metric of the classes, without a vector for each of them.
"""

from typing import Literal

from torch import Tensor

from cornernet.losses.embedded import distances, rows, unit
from cornernet.losses.grouping.contrastive import contrastive_loss
from cornernet.losses.labelled_pairs import labelled_pairs

WEIGHT = 0.1


def contrastive(
    embeddings: Tensor,
    labels: Tensor,
    pos_margin: float = 0.0,
    neg_margin: float = 1.0,
    power: Literal[1, 2] = 2,
    nonzero: bool = True,
    normalize: bool = True,
) -> Tensor:
    """Embeddings [N, D], labels [N] -> scalar. Hadsell et al., equation 4.

    power: 2 as in the paper, 1 as in many a library; nonzero: means over the terms above 0 alone, not over all.
    """
    r = rows(embeddings, labels)
    d = distances(unit(r.x) if normalize else r.x)
    same, other = labelled_pairs(r)
    pull, push = contrastive_loss(d[None], same[None], other[None], pos_margin, neg_margin, power, nonzero)
    return pull + push
