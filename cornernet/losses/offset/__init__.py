"""Offset losses: where inside its cell a corner lies.

    loss(pred [B, M, 2], target [B, M, 2], mask [B, M], **args) -> scalar

Offsets are (x, y) in cells; the mask is not 0 where a slot holds an object, in any dtype. The sum over objects, x and
y is divided by (number of objects + 1e-4). A loss from elsewhere that takes no mask, such as torch.nn.L1Loss, is called
with empty slots set to 0 on both sides; its result, a mean unless its `reduction` says otherwise, is turned into that
sum and divided likewise.

A file declares beside its loss `WEIGHT`, the factor of its term in the total where the config gives none, beside a
heatmap term of 1.
"""

from cornernet.losses.discover import members

LOSSES = members(__name__, __path__)
