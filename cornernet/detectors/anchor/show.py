"""The anchors that training gives the objects of an image, for people."""

import numpy as np
from torch import Tensor

from cornernet import drawing
from cornernet.detectors.anchor.assign import Assigned


def draw_targets(image: np.ndarray, anchors: list[Tensor], goal: Assigned, row: int) -> list[tuple[str, np.ndarray]]:
    """Image [H, W, 3] uint8 BGR, anchors [n, 4] of every level, the assignment and the image's row in it ->
    (title, image): the anchors with an object, in the colour of its class, and how many each level has.
    """
    canvas, counts, first = image.copy(), [], 0
    for level in anchors:
        part = slice(first, first + len(level))
        positive = goal.positive[row, part]
        labels = goal.labels[row, part][positive].cpu().numpy()
        canvas = drawing.outlines(canvas, level[positive].cpu().numpy(), labels)
        counts.append(len(labels))
        first += len(level)
    return [(f"anchors with an object, by level: {', '.join(map(str, counts))}", canvas)]
