"""Boxes and their classes apart: predicted boxes under their true class, and the class that an object is found under.

What a box shows is the object that it overlaps most, if by IoU 0.5 or more.
"""

import torch
from torch import Tensor
from torchvision.ops import box_iou

from cornernet.evaluation.diagnosis.missed import IOU, match
from cornernet.structures import Detections, ImageDetections

TRUE_CLASS = "class of the predicted boxes"  # a row of the table, of any detector
SAME = 0.7  # IoU from which on two boxes of one object are one box under two names


def true_classes(rows: Detections, boxes: Tensor, labels: Tensor) -> Detections:
    """Rows of an image before the suppression, its objects [M, 4], [M] -> rows with the class of what they show.

    Scores stay, and so does what shows no object. A detector that wavers predicts one box under several names, which
    under the true one would be doubles: a row is left out where a better one of another predicted class shows the same
    object and overlaps it by SAME. Doubles under one name are left to the suppression, as they are.
    """
    if not len(boxes):
        return rows
    overlap, shown = box_iou(rows.boxes.double(), boxes.double()).max(1)
    fits, scores = overlap >= IOU, rows.scores
    place = torch.arange(len(scores))
    better = (scores[:, None] > scores) | ((scores[:, None] == scores) & (place[:, None] < place))
    again = better & (shown[:, None] == shown) & (rows.labels[:, None] != rows.labels) & fits[:, None] & fits
    again &= box_iou(rows.boxes, rows.boxes) >= SAME
    kept = torch.ones_like(fits)
    for i in scores.argsort(descending=True, stable=True).tolist():
        if kept[i]:
            kept &= ~again[i]
    named = rows._replace(labels=torch.where(fits, labels[shown], rows.labels))
    return Detections(*(x[kept] for x in named))


def called(boxes: Tensor, labels: Tensor, found: ImageDetections) -> list[int | None]:
    """Objects [M, 4], [M] and detections, best first -> label of the detection that each is found by, None for none.

    Matched as `match` does it, but whatever the class.
    """
    objects = match(boxes, torch.zeros_like(labels), found._replace(labels=torch.zeros_like(found.labels)))
    names = dict(zip(objects.tolist(), found.labels.tolist(), strict=True))
    return [names.get(m) for m in range(len(boxes))]
