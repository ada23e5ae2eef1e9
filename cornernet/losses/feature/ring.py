"""Ring loss. Zheng, Pal, Savvides: Ring Loss: Convex Feature Normalization for Face Recognition, 2018,
arXiv 1803.00130, equation 2.

    L = 1/2 (|x| - R)^2

x: embedding; R: the common length, a parameter.

Use it to make all embeddings equally long without normalising them, beside a loss that tells the classes apart; which
class a row is of does not matter to it.
"""

import torch
from torch import Tensor, nn

from cornernet.losses.embedded import length, mean_of_rows, rows

WEIGHT = 0.01  # it grows with the length of the features, about 5 in an untrained network


class ring(nn.Module):
    """Embeddings [N, D], labels [N] -> scalar, mean over the rows that count; radius: where R starts."""

    def __init__(self, radius: float = 1.0) -> None:
        super().__init__()
        self.radius = nn.Parameter(torch.tensor(float(radius)))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [N, D], labels [N] -> scalar."""
        x, _, real = rows(embeddings, labels)
        return mean_of_rows((length(x)[:, 0] - self.radius) ** 2 / 2, real)
