"""Class-balanced cross entropy. Xie, Tu: Holistically-Nested Edge Detection, 2015, arXiv 1504.06375, equation 2.

    L = -1/N sum over cells of  b y log(p) + (1 - b) (1 - y) log(1 - p),    b = sum (1 - y) / cells

p: probability, the sigmoid of the logit; y: target; b: share of the dark cells of the image, so that lit and dark ones
weigh the same in all; N: number of cells with y = 1.

Use it for the same without a constant to choose: the balance is counted in every image.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import at_least_float32, per_positive

WEIGHT = 1.0


def balanced_bce(logits: Tensor, target: Tensor) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar. Holistically-nested edge detection, equation 2."""
    x, y = at_least_float32(logits), at_least_float32(target)
    b = (1 - y).mean((1, 2, 3), keepdim=True)
    return per_positive(-(b * y * F.logsigmoid(x) + (1 - b) * (1 - y) * F.logsigmoid(-x)), target)
