"""Focal loss. Lin, Goyal, Girshick, He, Dollar: RetinaNet, 2017, arXiv 1708.02002, equation 5.

    FL = sum over classes of  -alpha_t (1 - p_t)^gamma log(p_t)

p_t = p and alpha_t = alpha for the class of the label; p_t = 1 - p and alpha_t = 1 - alpha for the others. p:
probability, the sigmoid of the logit.

Use it as the default of a dense head, where background outnumbers objects by thousands.
"""

from torch import Tensor

from cornernet.losses.heatmap.focal import focal_entropy
from cornernet.losses.labels import one_hot, per_anchor
from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0


def focal(logits: Tensor, labels: Tensor, alpha: float | None = 0.25, gamma: float = 2.0) -> Tensor:
    """Logits [N, C], labels [N] -> [N]. RetinaNet, equation 5.

    alpha None, or below 0 as torchvision has it, weighs the label's class and the others alike.
    """
    x = at_least_float32(logits)
    return per_anchor(focal_entropy(x, one_hot(labels, x), alpha, gamma), labels)
