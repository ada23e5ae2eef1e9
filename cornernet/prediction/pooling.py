"""From the rows of all views of one image to its detections: pool, clip, suppress, keep the best."""

import torch
from torch import Tensor

from cornernet.config import Nms
from cornernet.ops.nms import Kept
from cornernet.ops.nms import nms as suppress
from cornernet.structures import Detections, ImageDetections


def pooled(pool: list[Detections], size: tuple[int, int]) -> Detections:
    """Rows of all scales and flips of one image of (height, width) -> those that show something of it, clipped.

    Clipped before the suppression: boxes that differ only outside the image are the same box, and one that lies in
    the padding must not suppress anything.
    """
    return _drop_empty(_clip(_cat(pool), size))


def after_nms(rows: Detections, nms: Nms) -> Kept:
    """Rows of one image -> what the suppression leaves of them; coordinates are edges and need no extra pixel."""
    return suppress(
        rows.boxes, rows.scores, rows.labels, rows.tl_scores, rows.br_scores,
        name=nms.name, iou=nms.iou, sigma=nms.sigma, min_score=nms.min_score, weight_exp=nms.weight_exp, pixel=False,
    )  # fmt: skip


def best(boxes: Tensor, scores: Tensor, labels: Tensor, count: int) -> ImageDetections:
    """Keep exactly the `count` best rows; of equal scores those that came first."""
    order = scores.argsort(descending=True, stable=True)[:count]
    return ImageDetections(boxes[order], scores[order], labels[order])


def _cat(pool: list[Detections]) -> Detections:
    return Detections(*(torch.cat(parts) for parts in zip(*pool, strict=True)))


def _clip(rows: Detections, size: tuple[int, int]) -> Detections:
    height, width = size
    limit = rows.boxes.new_tensor([width, height, width, height])
    return rows._replace(boxes=torch.minimum(rows.boxes.clamp(min=0), limit))


def _drop_empty(rows: Detections) -> Detections:
    full = (rows.boxes[:, 2:] > rows.boxes[:, :2]).all(1)
    return Detections(*(x[full] for x in rows))
