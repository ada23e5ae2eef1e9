"""Grouping losses: corners of one object get similar tags, corners of different objects different ones.

    loss(tl_tag [B, M, D], br_tag [B, M, D], mask [B, M], **args) -> dict of scalars

Slot m of both tags belongs to object m of the image; the mask is not 0 where there is one, in any dtype. A loss that
needs to know where the corners are names two more parameters, `tl_point` and `br_point` [B, M, 2]: (x, y) in cells of
the output map, offsets included; it is handed them by name.
"""

from cornernet.losses.discover import members

LOSSES = members(__name__, __path__)
