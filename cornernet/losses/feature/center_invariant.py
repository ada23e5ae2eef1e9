"""Center invariant loss. Wu, Liu, Li, Fu: Deep Face Recognition with Center Invariant Loss, ACM Multimedia Thematic
Workshops 2017, doi 10.1145/3126686.3126693.

    L = 1/2 |x - c_y|^2 + gamma I_y,    I_k = 1/4 (|c_k|^2 - mean over classes of |c|^2)^2

x: embedding; y: its class; c: centres. The second term makes the centres equally long, so that rare classes get as much
room as frequent ones. The centres are buffers that follow the embeddings (see center), so its gradient
(|c_k|^2 - mean) c_k, with the mean held and divided by |c_k|^2 where that is above 1, so that no step overshoots, moves
them instead of the embeddings, which follow through the first term.

Use it in place of center where some classes are much rarer than others.
"""

from torch import Tensor, nn

from cornernet.losses.centers import Centers
from cornernet.losses.embedded import mean_of_rows, rows

WEIGHT = 0.01  # it grows with the length of the features, about 5 in an untrained network


class center_invariant(nn.Module):
    """Embeddings [N, D], labels [N] -> scalar.

    gamma: weight of the second term; alpha: share of the way that the centres go, once a step in training;
    progress: see losses.steps.
    """

    def __init__(
        self, num_classes: int, dim: int, gamma: float = 0.1, alpha: float = 0.5, progress: Tensor | None = None
    ) -> None:
        super().__init__()
        self.gamma, self.alpha, self.centers = gamma, alpha, Centers(num_classes, dim, progress)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [N, D], labels [N] -> scalar."""
        r = rows(embeddings, labels)
        c = self.centers.before()
        long = c.square().sum(-1)
        excess = long - long.mean()
        loss = (r.x - c[r.y].to(r.x.dtype)).square().sum(-1) / 2 + self.gamma * excess[r.y] ** 2 / 4
        if self.training:
            step = excess / long.clamp(min=1)  # no longer than the centre, however long that is
            self.centers.update(r, self.alpha, self.gamma * step[:, None] * c)
        return mean_of_rows(loss, r.real)
