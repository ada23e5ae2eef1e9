"""What is looked at of an image: its labels beside its detections, how far they overlap and how far they are off."""

from typing import NamedTuple

import numpy as np

from cornernet.evaluation.report.images import Image
from cornernet.evaluation.report.matching import match

HALF = 0.5
TOUCH = (0.1, 0.4)  # IoU with a label from which on a detection touches it, and does so wholly


class Seen(NamedTuple):
    """What of an image does not change from round to round."""

    image: Image
    rows: np.ndarray  # [n] int64, labels that are no crowds
    overlap: np.ndarray  # [d, n] float32, IoU
    offset: np.ndarray  # [d, n] float32, see `reliance`
    same: np.ndarray  # [d, n] bool, whether the classes agree
    free: np.ndarray  # [d] bool, does not lie in a crowd
    partner: np.ndarray  # [d] int64, as `match` has it


def look(image: Image) -> Seen:
    """An image of the report -> what does not change from round to round; crowds and what lies in them apart."""
    rows = np.flatnonzero(~image.crowd)
    boxes, labels = image.boxes[rows], image.labels[rows]
    hidden = iou(image.found, image.boxes[image.crowd], crowd=True).max(1, initial=0) >= HALF
    overlap, offset = iou(image.found, boxes), offsets(image.found, boxes)
    same = image.found_labels[:, None] == labels
    return Seen(image, rows, overlap.astype(np.float32), offset.astype(np.float32), same, ~hidden, match(image))


def touch(one: Seen) -> np.ndarray:
    """How far each detection touches a label, [d]."""
    return np.clip((one.overlap.max(1, initial=0) - TOUCH[0]) / (TOUCH[1] - TOUCH[0]), 0, 1)


def offsets(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Boxes [d, 4] and [n, 4], x y width height -> largest distance of two edges in parts of the mean side, [d, n]."""
    one, other = (np.concatenate([x[:, :2], x[:, :2] + x[:, 2:]], 1) for x in (boxes, others))
    sides = np.maximum((boxes[:, None, 2:] + others[:, 2:]) / 2, 1e-9)
    return (abs(one[:, None] - other) / np.tile(sides, 2)).max(2)


def iou(boxes: np.ndarray, others: np.ndarray, crowd: bool = False) -> np.ndarray:
    """Boxes [d, 4] and [n, 4], x y width height -> IoU [d, n]; with crowds the share of each box."""
    from pycocotools import mask  # slow to import, needed only here

    if not len(boxes) or not len(others):
        return np.zeros((len(boxes), len(others)))
    return mask.iou(boxes, others, np.full(len(others), crowd, np.uint8))
