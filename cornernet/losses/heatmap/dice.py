"""Dice loss. Milletari, Navab, Ahmadi: V-Net, 2016, arXiv 1606.04797, section 3.

    L = 1 - (2 sum p y + s) / (sum p^2 + sum y^2 + s)

p: probability, the sigmoid of the logit; y: target; s: keeps images without objects from dividing by nothing. The sums
run over the cells and classes of an image; L is averaged over the images, because it is a ratio already.

Use it for overlap as in segmentation, on data with objects in most images.
"""

from torch import Tensor

from cornernet.losses.reduce import at_least_float32

WEIGHT = 1.0


def dice(logits: Tensor, target: Tensor, smooth: float = 1.0) -> Tensor:
    """Logits and target [B, C, H, W] -> scalar in [0, 1], mean over images. V-Net, section 3."""
    p, y = at_least_float32(logits).sigmoid(), at_least_float32(target)
    overlap, mass = (p * y).sum((1, 2, 3)), (p**2 + y**2).sum((1, 2, 3))
    return (1 - (2 * overlap + smooth) / (mass + smooth)).mean()


dice.per_image = True  # type: ignore[attr-defined]  # functions declare no attributes
