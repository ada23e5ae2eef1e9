"""Feature losses: how well the embeddings of one class keep together and those of different classes apart.

    loss(embeddings [N, D], labels [N] integers, **args) -> scalar

A row is one positive corner or anchor; its label is a class 0 .. C - 1, or -1 where there is nothing, which is never
looked at. Values are means over the rows that count, or over pairs or triplets of them, computed in float32 or float64.
A loss that owns a vector for every class is a module whose constructor names `num_classes` and, if need be, `dim`; the
detector hands it both, so a config never gives them. Vectors are parameters and train with the network; centres are
buffers, equal on all processes. Losses on pairs of rows (contrastive, triplet, range) compare those of one process.

In the corner detector the embeddings are the corner-pooled features, `model.head.channels` numbers, that the heatmaps
are made of: `loss.feature.name=arcface` shapes what the classes are told apart by. `none` leaves the term out.

A file declares beside its loss `WEIGHT`, the factor of its term in the total where the config gives none: of a mean
over rows beside a heatmap or classification term of 1.
"""

from cornernet.losses.discover import members

LOSSES = members(__name__, __path__)
