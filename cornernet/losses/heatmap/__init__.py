"""Heatmap losses: how well the corners of each class are lit up, and everything else kept dark.

    loss(logits [B, C, H, W], target [B, C, H, W], **args) -> scalar

Logits are raw; targets lie in [0, 1] and are exactly 1 at corners. The sum over all cells is divided by the number of
cells equal to 1, and not divided if there is none, so an image counts by its objects. (dice is a ratio and divides by
the number of images instead; it says so by `dice.per_image`.) Of a loss from elsewhere that has a `reduction`, as
torch's have, the sum over the cells is divided in the same way; any other is used as it is.

A file declares beside its loss `WEIGHT`, the factor of its term in the total where the config gives none: 1 here, the
other roles are weighed against it.
"""

from cornernet.losses.discover import members

LOSSES = members(__name__, __path__)
