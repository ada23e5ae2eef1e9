"""Softmax loss, the plain classifier that the margins are measured against. Bishop, Pattern Recognition and Machine
Learning, 2006, section 4.3.4.

    L = -log(exp(z_y) / sum over classes of exp(z)),    z_k = w_k x + b_k

x: embedding; y: its class; w, b: vector and bias of every class, parameters.

Use it as the baseline of this role: it separates classes but asks for no margin between them.
"""

import torch
from torch import Tensor, nn

from cornernet.losses.embedded import class_vectors, cross_entropy, products, rows

WEIGHT = 0.1


class softmax(nn.Module):
    """Embeddings [N, D], labels [N] -> scalar, mean over the rows that count."""

    def __init__(self, num_classes: int, dim: int) -> None:
        super().__init__()
        self.weight, self.bias = class_vectors(num_classes, dim), nn.Parameter(torch.zeros(num_classes))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [N, D], labels [N] -> scalar."""
        x, y, real = rows(embeddings, labels)
        return cross_entropy(products(x, self.weight) + self.bias, y, real)
