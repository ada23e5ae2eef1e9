"""Squared error of the probabilities, as heatmaps are trained in pose estimation. Tompson, Jain, LeCun, Bregler, 2014,
arXiv 1406.2984.

    L = 1/N sum over cells of  (p - y)^2

p: probability, the sigmoid of the logit; y: target; N: number of cells with y = 1.

Use it as pose estimation does; it needs a larger weight, for its gradient fades where the sigmoid is flat.
"""

from torch import Tensor

from cornernet.losses.reduce import at_least_float32, per_positive

WEIGHT = 1.0


def mse(logits: Tensor, target: Tensor) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar."""
    return per_positive((at_least_float32(logits).sigmoid() - at_least_float32(target)) ** 2, target)
