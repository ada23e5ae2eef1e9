"""CosFace, the large margin cosine loss. Wang, Wang, Zhou, Ji, Gong, Zhou, Li, Liu, 2018, arXiv 1801.09414, equation 4;
the additive margin softmax of Wang, Liu, Liu, Cheng, 2018, arXiv 1801.05599, is the same.

    L = -log(exp(s (cos(t_y) - m)) / (exp(s (cos(t_y) - m)) + sum over other classes of exp(s cos(t))))

t_k: angle between the embedding and the vector of class k, a parameter; y: the class; m: margin; s: scale.

Use it as the first margin to try: it trains without annealing and the margin is the same at every angle's cosine.
"""

from torch import Tensor, nn

from cornernet.losses.embedded import at_class, class_vectors, cosines, cross_entropy, rows

WEIGHT = 0.1


class cosface(nn.Module):
    """Embeddings [N, D], labels [N] -> scalar, mean over the rows that count; scale: s; margin: m."""

    def __init__(self, num_classes: int, dim: int, scale: float = 64.0, margin: float = 0.35) -> None:
        super().__init__()
        self.weight, self.scale, self.margin = class_vectors(num_classes, dim), scale, margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [N, D], labels [N] -> scalar."""
        x, y, real = rows(embeddings, labels)
        c = cosines(x, self.weight)
        return cross_entropy(self.scale * at_class(c, y, c - self.margin), y, real)
