"""L2-constrained softmax. Ranjan, Castillo, Chellappa, 2017, arXiv 1703.09507, equations 2 and 8.

    L = -log(exp(z_y) / sum over classes of exp(z)),    z_k = w_k a x / |x| + b_k,    a = log(0.9 (C - 2) / 0.1)

x: embedding; y: its class; w, b: vector and bias of every class, parameters; a: length that every embedding is given,
by the paper's lower bound for C classes and a probability of 0.9 unless given.

Use it where hard, dim examples have short embeddings that a plain softmax would neglect.
"""

from math import log

import torch
from torch import Tensor, nn

from cornernet.losses.embedded import class_vectors, cross_entropy, products, rows, unit

WEIGHT = 0.1


class l2_softmax(nn.Module):
    """Embeddings [N, D], labels [N] -> scalar, mean over the rows that count.

    scale: a, null for the bound (of at least 3 classes); learn_scale: whether it is a parameter that starts there.
    """

    def __init__(self, num_classes: int, dim: int, scale: float | None = None, learn_scale: bool = False) -> None:
        super().__init__()
        self.weight, self.bias = class_vectors(num_classes, dim), nn.Parameter(torch.zeros(num_classes))
        start = log(9.0 * max(num_classes - 2, 1)) if scale is None else float(scale)
        self.scale = nn.Parameter(torch.tensor(start), requires_grad=learn_scale)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [N, D], labels [N] -> scalar."""
        x, y, real = rows(embeddings, labels)
        return cross_entropy(products(self.scale * unit(x), self.weight) + self.bias, y, real)
