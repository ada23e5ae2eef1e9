"""Classification losses: which class, if any, the object at each anchor is of.

    loss(logits [N, C], labels [N] integers, **args) -> [N], unreduced

A label is a class 0 .. C - 1, C for background, or -1 for an anchor to ignore, whose value and gradient are 0. A class
has one logit, so background is that all are low: it is a row of zeros among the targets of the losses by sigmoid, and a
further logit, always 0, in the softmax of cross_entropy. The value of an anchor is a sum over the classes (dice is a
ratio), computed in float32 or float64; who calls it weighs and divides.

A file declares beside its loss `WEIGHT`, the factor of its term in the total where the config gives none. A loss that
names `quality` [N], as mal, quality_focal and varifocal do, is given the IoU of each positive anchor's predicted box
with its target, or what the assigner has in its place as tal does, 0 elsewhere, without gradient: the target at the
class of the label.
"""

from cornernet.losses.discover import members

LOSSES = members(__name__, __path__)
