"""Objects that a set holds twice, as two annotators or two merged exports leave them."""

import numpy as np

from cornernet.data.source import Objects

NEAR = 1.0  # pixels by which edges may differ through rounding
TENTH = 0.1  # and of the shorter side: small objects lie close to each other
FURTHEST = 500  # neighbours with the same left edge that one is compared with


def repeated(objects: Objects) -> np.ndarray:
    """Objects -> [N] bool, whether one before it has its image, class, crowd mark and, but for rounding, its box."""
    image = np.repeat(np.arange(len(objects.start) - 1), np.diff(objects.start))
    edges = np.concatenate([objects.bbox[:, :2], objects.bbox[:, :2] + objects.bbox[:, 2:]], 1)
    near = np.minimum(NEAR, TENTH * objects.bbox[:, 2:].min(1))
    order = np.lexsort((edges[:, 0], objects.iscrowd, objects.labels, image))
    group = np.stack([image, objects.labels, objects.iscrowd])[:, order]
    again, at = np.zeros(len(order), bool), np.arange(len(order))
    for step in range(1, FURTHEST):
        at = at[at + step < len(order)]
        one, other = order[at], order[at + step]
        close = (group[:, at] == group[:, at + step]).all(0) & (edges[other, 0] - edges[one, 0] <= NEAR)
        at, one, other = at[close], one[close], other[close]
        if not len(at):
            break
        same = abs(edges[one] - edges[other]).max(1) <= np.minimum(near[one], near[other])
        again[np.maximum(one, other)[same]] = True
    return again
