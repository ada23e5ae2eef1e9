"""Center loss. Wen, Zhang, Li, Qiao: A Discriminative Feature Learning Approach for Deep Face Recognition, ECCV 2016,
equations 2 to 4.

    L = 1/2 |x - c_y|^2,    c_k is moved by -alpha sum over y = k of (c_k - x) / (1 + number with y = k)

x: embedding; y: its class; c: centres, which follow the embeddings and are not trained. The paper sums over the batch,
this takes the mean.

Use it with a small weight beside a term that keeps classes apart, as the heatmaps do: alone it is least where all
embeddings are one.
"""

from torch import Tensor, nn

from cornernet.losses.centers import Centers
from cornernet.losses.embedded import mean_of_rows, rows

WEIGHT = 0.01  # it grows with the length of the features, about 5 in an untrained network


class center(nn.Module):
    """Embeddings [N, D], labels [N] -> scalar.

    alpha: share of the way that the centres go, once a step in training; progress: see losses.steps.
    """

    def __init__(self, num_classes: int, dim: int, alpha: float = 0.5, progress: Tensor | None = None) -> None:
        super().__init__()
        self.alpha, self.centers = alpha, Centers(num_classes, dim, progress)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [N, D], labels [N] -> scalar."""
        r = rows(embeddings, labels)
        loss = (r.x - self.centers.before()[r.y].to(r.x.dtype)).square().sum(-1) / 2
        if self.training:
            self.centers.update(r, self.alpha)
        return mean_of_rows(loss, r.real)
