"""Large-margin softmax. Liu, Wen, Yu, Yang, 2016, arXiv 1612.02295, equations 4 to 6.

    L = -log(exp(z_y) / sum over classes of exp(z)),    z_k = |w_k| |x| cos(t_k),    z_y = |w_y| |x| psi(t_y)

x: embedding; y: its class; w: class vectors, parameters; t_k: angle between x and w_k; psi: the cosine of m times the
angle, made to fall all the way (see losses.angular, which also says how training eases into it).

Use it where the lengths of embeddings and class vectors should go on meaning something; sphereface fixes the latter.
"""

from torch import Tensor, nn

from cornernet.losses.angular import Annealed
from cornernet.losses.embedded import at_class, class_vectors, cosines, cross_entropy, length, rows

WEIGHT = 0.1


class l_softmax(nn.Module):
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
        lengths = length(x) * length(self.weight).to(x.dtype).T
        return cross_entropy(lengths * at_class(c, y, self.margin(c)), y, real)
