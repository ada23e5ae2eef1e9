"""SphereFace, the angular softmax. Liu, Wen, Yu, Li, Raj, Song, 2017, arXiv 1704.08063, equations 6 and 7.

    L = -log(exp(z_y) / sum over classes of exp(z)),    z_k = |x| cos(t_k),    z_y = |x| psi(t_y)

x: embedding; y: its class; t_k: angle between x and the vector of class k, a parameter whose length does not count;
psi: the cosine of m times the angle, made to fall all the way (see losses.angular, which also says how training eases
into it).

Use it for a margin that grows with the angle; it is the hardest of the margins to train, hence the annealing.
"""

from torch import Tensor, nn

from cornernet.losses.angular import Annealed
from cornernet.losses.embedded import at_class, class_vectors, cosines, cross_entropy, length, rows

WEIGHT = 0.1


class sphereface(nn.Module):
    """Embeddings [N, D], labels [N] -> scalar, mean over the rows that count.

    margin: m, whole; lambda_start, lambda_min, decay: of the annealing, 0, 0, any for the bare formula; progress: see
    losses.steps.
    """

    def __init__(
        self, num_classes: int, dim: int, margin: int = 4, lambda_start: float = 1000.0, lambda_min: float = 5.0,
        decay: float = 0.12, progress: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.weight = class_vectors(num_classes, dim)
        self.margin = Annealed(margin, lambda_start, lambda_min, decay, progress)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [N, D], labels [N] -> scalar."""
        x, y, real = rows(embeddings, labels)
        c = cosines(x, self.weight, short=0)
        return cross_entropy(length(x) * at_class(c, y, self.margin(c)), y, real)
