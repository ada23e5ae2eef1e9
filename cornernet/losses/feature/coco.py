"""Congenerous cosine loss. Liu, Li, Wang: Rethinking Feature Discrimination and Polymerization for Large-scale
Recognition, 2017, arXiv 1710.00870, equations 4 and 5.

    L = -log(exp(a cos(t_y)) / sum over classes of exp(a cos(t))),    a = 1/2 log((C - 1) / 1e-4) + 3

t_k: angle between the embedding and the vector (in the paper the centroid) of class k, a parameter; y: the class; a:
scale, by the paper's rule for C classes unless given.

Use it where the number of classes is known and no scale should be tuned; normface learns its scale instead.
"""

from math import log

from torch import Tensor, nn

from cornernet.losses.embedded import class_vectors, cosines, cross_entropy, rows

WEIGHT = 0.1


class coco(nn.Module):
    """Embeddings [N, D], labels [N] -> scalar, mean over the rows that count; scale: a, null for the rule."""

    def __init__(self, num_classes: int, dim: int, scale: float | None = None) -> None:
        super().__init__()
        self.weight = class_vectors(num_classes, dim)
        self.scale = log(max(num_classes - 1, 1) / 1e-4) / 2 + 3 if scale is None else scale

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [N, D], labels [N] -> scalar."""
        x, y, real = rows(embeddings, labels)
        return cross_entropy(self.scale * cosines(x, self.weight), y, real)
