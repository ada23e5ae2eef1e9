"""Cross entropy of a softmax over the classes and background, as in Girshick: Fast R-CNN, 2015, arXiv 1504.08083,
section 2.3.

    L = -log(exp(x_k) / (1 + sum over classes of exp(x)))

x: logits; k: the label. The 1 is the background, whose logit is held at 0: only differences of logits matter to a
softmax, so C of them tell C + 1 cases apart, and for one class this is bce.

Use it where the classes exclude each other and anchors are sampled, as in two-stage heads.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.labels import IGNORED
from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Logits [N, C], labels [N] -> [N]. Fast R-CNN, section 2.3."""
    x = at_least_float32(logits)
    with_background = torch.cat([x, torch.zeros_like(x[:, :1])], 1)
    return F.cross_entropy(with_background, labels.long(), reduction="none", ignore_index=IGNORED)
