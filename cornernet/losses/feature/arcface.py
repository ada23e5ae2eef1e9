"""ArcFace. Deng, Guo, Xue, Zafeiriou, 2018, arXiv 1801.07698, equation 3.

    L = -log(exp(s cos(t_y + m)) / (exp(s cos(t_y + m)) + sum over other classes of exp(s cos(t))))

t_k: angle between the embedding and the vector of class k, a parameter; y: the class; m: margin in radians; s: scale.
Where t_y + m would pass pi, cos(t_y) - m sin(m) takes over, so that the logit goes on falling, as in the authors' code.

Use it for the margin that is an arc on the sphere, the same at every angle; the usual choice for many classes.
"""

from math import cos, sin

import torch
from torch import Tensor, nn

from cornernet.losses.embedded import TINY, at_class, class_vectors, cosines, cross_entropy, rows

WEIGHT = 0.1


class arcface(nn.Module):
    """Embeddings [N, D], labels [N] -> scalar, mean over the rows that count; scale: s; margin: m in radians."""

    def __init__(self, num_classes: int, dim: int, scale: float = 64.0, margin: float = 0.5) -> None:
        super().__init__()
        self.weight, self.scale, self.margin = class_vectors(num_classes, dim), scale, margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [N, D], labels [N] -> scalar."""
        x, y, real = rows(embeddings, labels)
        c, m = cosines(x, self.weight), self.margin
        added = c * cos(m) - (1 - c**2).clamp(min=TINY).sqrt() * sin(m)  # cos(t + m)
        return cross_entropy(self.scale * at_class(c, y, torch.where(c > -cos(m), added, c - m * sin(m))), y, real)
