"""Binary cross entropy in which the label's class weighs more than the others, by a constant.

    L = sum over classes of  -(w y log(p) + (1 - y) log(1 - p))

p: probability, the sigmoid of the logit; y: 1 for the class of the label, 0 for the others; w: weight of that class.

Use it to see what one constant against the imbalance is worth.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.labels import one_hot, per_anchor
from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0


def weighted_bce(logits: Tensor, labels: Tensor, pos_weight: float = 10.0) -> Tensor:
    """Logits [N, C], labels [N] -> [N]."""
    x = at_least_float32(logits)
    y = one_hot(labels, x)
    return per_anchor(-(pos_weight * y * F.logsigmoid(x) + (1 - y) * F.logsigmoid(-x)), labels)
