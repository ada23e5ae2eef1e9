"""Class-balanced cross entropy. Xie, Tu: Holistically-Nested Edge Detection, 2015, arXiv 1504.06375, equation 2.

    L = sum over classes of  -(b y log(p) + (1 - b) (1 - y) log(1 - p)),    b = sum (1 - y) / number of y

p: probability, the sigmoid of the logit; y: 1 for the class of the label, 0 for the others; b: share of the zeros among
all y of the call that are not ignored, so that ones and zeros weigh the same in all.

Use it for the same without a constant to choose.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.labels import counted, one_hot, per_anchor
from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0


def balanced_bce(logits: Tensor, labels: Tensor) -> Tensor:
    """Logits [N, C], labels [N] -> [N]. Holistically-nested edge detection, equation 2."""
    x = at_least_float32(logits)
    y = one_hot(labels, x)
    b = 1 - y.sum() / (counted(labels).sum() * x.shape[1]).clamp(min=1)
    return per_anchor(-(b * y * F.logsigmoid(x) + (1 - b) * (1 - y) * F.logsigmoid(-x)), labels)
