"""Varifocal loss. Zhang, Wang, Dayoub, Suenderhauf: VarifocalNet, 2020, arXiv 2008.13367, equation 2.

    VFL = sum over classes of  -q (q log(p) + (1 - q) log(1 - p))   where q > 0
                               -alpha p^gamma log(1 - p)            where q = 0

p: probability, the sigmoid of the logit; q: the quality for the class of the label, 0 for the others and for all of
background.

Use it for scores that say how well a box fits, when good boxes are to weigh more than bad ones.
"""

from torch import Tensor

from cornernet.losses.heatmap.varifocal import varifocal_entropy
from cornernet.losses.labels import graded, per_anchor
from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0


def varifocal(logits: Tensor, labels: Tensor, quality: Tensor, alpha: float = 0.75, gamma: float = 2.0) -> Tensor:
    """Logits [N, C], labels [N], quality [N] in [0, 1] -> [N]. VarifocalNet, equation 2."""
    x = at_least_float32(logits)
    return per_anchor(varifocal_entropy(x, graded(labels, quality, x), alpha, gamma), labels)
