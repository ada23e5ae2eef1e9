"""Dice loss. Milletari, Navab, Ahmadi: V-Net, 2016, arXiv 1606.04797, section 3.

    L = 1 - (2 sum p y + s) / (sum p^k + sum y^k + s)

k: the power, 2 as in the paper, 1 for |X| + |Y| as in Dice's coefficient of sets; p: probability, the sigmoid of the
logit; y: target; s: keeps images without objects from dividing by nothing. The sums run over the cells and classes of
an image; L is averaged over the images, because it is a ratio already.

Use it for overlap as in segmentation, on data with objects in most images.
"""

from typing import Literal

from torch import Tensor

from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0


def dice(logits: Tensor, target: Tensor, smooth: float = 1.0, power: Literal[1, 2] = 2) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar in [0, 1], mean over images. V-Net, section 3."""
    p, y = at_least_float32(logits).sigmoid(), at_least_float32(target)
    overlap, mass = (p * y).sum((1, 2, 3)), (p**power + y**power).sum((1, 2, 3))
    return (1 - (2 * overlap + smooth) / (mass + smooth)).mean()


dice.per_image = True  # type: ignore[attr-defined]  # functions declare no attributes
