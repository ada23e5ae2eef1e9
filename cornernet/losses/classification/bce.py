"""Binary cross entropy of every class with its being the label's or not, as in Redmon, Farhadi: YOLOv3, 2018,
arXiv 1804.02767, section 2.2.

    L = sum over classes of  -(y log(p) + (1 - y) log(1 - p))

p: probability, the sigmoid of the logit; y: 1 for the class of the label, 0 for the others.

Use it as the plain baseline, or with few, well-chosen anchors.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.labels import one_hot, per_anchor
from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0


def bce(logits: Tensor, labels: Tensor) -> Tensor:
    """Logits [N, C], labels [N] -> [N]."""
    x = at_least_float32(logits)
    return per_anchor(F.binary_cross_entropy_with_logits(x, one_hot(labels, x), reduction="none"), labels)
