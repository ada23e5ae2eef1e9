"""Boxes and their classes apart: predicted boxes under their true class, and the class that an object is found under.

What a box shows is the object that it overlaps most, if by IoU 0.5 or more.
"""

import torch
from torch import Tensor
from torchvision.ops import box_iou

from cornernet.evaluation.diagnosis.missed import IOU, match
from cornernet.structures import Detections, ImageDetections

TRUE_CLASS = "class of the predicted boxes"  # a row of the table, of any detector


def true_classes(rows: Detections, boxes: Tensor, labels: Tensor) -> Detections:
    """Rows of an image before the suppression, its objects [M, 4], [M] -> rows with the class of what they show.

    A detector that wavers predicts one box under several names. Under the true one these would be doubles, so of all
    rows that show an object only those of one predicted class stay: the class of the best of them. Scores stay too,
    and so does what shows no object.
    """
    if not len(boxes) or not len(rows.scores):
        return rows
    overlap, shown = box_iou(rows.boxes.double(), boxes.double()).max(1)
    fits, kept = overlap >= IOU, torch.ones(len(shown), dtype=torch.bool)
    for m in range(len(boxes)):
        own = fits & (shown == m)
        if own.any():
            best = rows.labels[own][rows.scores[own].argmax()]
            kept &= ~own | (rows.labels == best)
    named = rows._replace(labels=torch.where(fits, labels[shown], rows.labels))
    return Detections(*(x[kept] for x in named))


def called(boxes: Tensor, labels: Tensor, shown: ImageDetections) -> list[int | None]:
    """Objects [M, 4], [M] and detections, best first -> label of the detection that each is found by, None for none.

    Matched as `match` does it, but whatever the class.
    """
    objects = match(boxes, torch.zeros_like(labels), shown._replace(labels=torch.zeros_like(shown.labels)))
    names = dict(zip(objects.tolist(), shown.labels.tolist(), strict=True))
    return [names.get(m) for m in range(len(boxes))]
