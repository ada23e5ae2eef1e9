"""Quality focal loss. Li et al.: Generalized Focal Loss, 2020, arXiv 2006.04388.

    QFL = sum over classes of  -|q - p|^beta (q log(p) + (1 - q) log(1 - p))

p: probability, the sigmoid of the logit; q: the quality for the class of the label, 0 for the others and for all of
background.

Use it for scores that say how well a box fits; where all qualities are 1 it is focal with alpha null.
"""

from torch import Tensor

from cornernet.losses.heatmap.quality_focal import quality_entropy
from cornernet.losses.labels import graded, per_anchor
from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0


def quality_focal(logits: Tensor, labels: Tensor, quality: Tensor, beta: float = 2.0) -> Tensor:
    """Logits [N, C], labels [N], quality [N] in [0, 1] -> [N]."""
    x = at_least_float32(logits)
    return per_anchor(quality_entropy(x, graded(labels, quality, x), beta), labels)
