"""Maps of one stack -> boxes. Objects as Points, arXiv 1904.07850, section 4 (from points to bounding boxes).

    box = (x + dx - w / 2, y + dy - h / 2, x + dx + w / 2, y + dy + h / 2)

(x, y): cell of a peak of the heatmap, the maximum of its 3x3 cells; (dx, dy), (w, h): offset and size there; the score
is the heat. One peak an object, so that nothing has to be suppressed.
"""

import torch
from torch import Tensor

from cornernet.detectors.keypoints import best_keypoints
from cornernet.ops.gather import gather_cells
from cornernet.structures import Detections, Keypoints, PointMaps


def decode(maps: PointMaps, top_k: int = 100, kernel: int = 3) -> Detections:
    """Maps -> Detections in cells, best first, N = top_k or, if that is smaller, as many as there are cells in C maps.

    kernel: odd side of the window in which a centre must be the maximum. Rows without a peak have score -1.
    """
    peaks, index = best_keypoints(maps.heat, maps.offset, top_k, kernel)
    return boxes(peaks, gather_cells(maps.size, index).float())


def boxes(peaks: Keypoints, sizes: Tensor) -> Detections:
    """Peaks and the sizes [B, K, 2] of their boxes, cells -> Detections; no side is below 0."""
    half = sizes.clamp(min=0) / 2
    scores = peaks.scores.masked_fill(peaks.scores <= 0, -1)
    return Detections(torch.cat((peaks.points - half, peaks.points + half), -1), scores, peaks.labels, scores, scores)
