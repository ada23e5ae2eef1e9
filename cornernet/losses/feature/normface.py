"""NormFace. Wang, Xiang, Cheng, Yuille, 2017, arXiv 1704.06369, equation 6.

    L = -log(exp(s cos(t_y)) / sum over classes of exp(s cos(t)))

t_k: angle between the embedding and the vector of class k, a parameter; y: the class; s: scale, without which a cosine
of at most 1 could never make the softmax sure.

Use it for embeddings that are compared by their angle; with learn_scale off and s = 1 / temperature it is the
normalised softmax of metric learning.
"""

import torch
from torch import Tensor, nn

from cornernet.losses.embedded import class_vectors, cosines, cross_entropy, rows

WEIGHT = 0.1


class normface(nn.Module):
    """Embeddings [N, D], labels [N] -> scalar, mean over the rows that count.

    scale: s; learn_scale: whether it is a parameter that starts there.
    """

    def __init__(self, num_classes: int, dim: int, scale: float = 20.0, learn_scale: bool = True) -> None:
        super().__init__()
        self.weight = class_vectors(num_classes, dim)
        self.scale = nn.Parameter(torch.tensor(float(scale)), requires_grad=learn_scale)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [N, D], labels [N] -> scalar."""
        x, y, real = rows(embeddings, labels)
        return cross_entropy(self.scale * cosines(x, self.weight), y, real)
