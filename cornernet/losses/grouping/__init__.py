"""Grouping losses: corners of one object get similar tags, corners of different objects different ones.

    loss(tl_tag [B, M, D], br_tag [B, M, D], mask [B, M], **args) -> dict of scalars

Slot m of both tags belongs to object m of the image; the mask is not 0 where there is one, in any dtype. A loss that
needs to know where the corners are names two more parameters, `tl_point` and `br_point` [B, M, 2]: (x, y) in cells of
the output map, offsets included; it is handed them by name.

A file declares beside its loss

    WEIGHT = 0.5                                                               # where the config gives none
    pair_distance(tl_points, br_points, tl_tags, br_tags) -> [B, K, K]         # how its tags are read when decoding
    points_at(tl_points, br_points) -> two of the same shape       # where true tags point, if they do, for show_data

The weight is the factor of its terms in the total, of means over images beside a heatmap term of 1. `pair_distance` is
how far each of K top-left corners is from being of one box with each of K bottom-right ones, held to
test.ae_threshold; points are [B, K, 2], (x, y) in cells, tags [B, K, D]. `ops.tags.by_tags`, the mean absolute
difference of the tags, serves most. It is called without the loss, in prediction and in exported files.
"""

from cornernet.losses.discover import members

LOSSES = members(__name__, __path__)
