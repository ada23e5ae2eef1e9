"""Pairs of corners that a keypoint at their centre confirms.

Duan, Bai, Xie, Qi, Huang, Tian: CenterNet, 2019, arXiv 1904.08189, sections 3.1 and 3.4, equation 1. The central region
of a box is the middle 1/n of both its sides, n = `small`, or `large` for a box of more than `area` pixels:

    x in ((n + 1) x1 + (n - 1) x2) / 2n ... ((n - 1) x1 + (n + 1) x2) / 2n,    y alike, borders left out

A box lives if a centre keypoint of its class lies in there, and scores (2 s + c) / 3, s its pair's score and c that of
the keypoint; with `test.score: geometric` the cube root of s s c.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from cornernet.config import Centre
from cornernet.detectors.corner.scores import How
from cornernet.detectors.keypoints import best_keypoints
from cornernet.structures import CentreMaps, CornerMaps, Detections, Keypoints, StackMaps, View

OUTSIDE = 5.0  # pixels of the resized image; a box that reaches as far beyond it is none


def centre_maps(maps: CornerMaps) -> CentreMaps:
    """Maps of one stack of a network with a branch for centres -> that branch's."""
    found = cast(StackMaps, maps).centre
    assert found is not None, "the network has the branch"
    return found


def regions(boxes: Tensor, rule: Centre) -> Tensor:
    """Boxes [..., 4] in pixels -> their central regions, [..., 4]."""
    low, high = boxes[..., :2], boxes[..., 2:]
    large = (high - low).prod(-1, keepdim=True) > rule.area
    n = torch.where(large, rule.large, rule.small)
    return torch.cat([(n + 1) * low + (n - 1) * high, (n - 1) * low + (n + 1) * high], -1) / (2 * n)


def confirmed(rows: Detections, centres: Keypoints, rule: Centre, how: How = "mean") -> Tensor:
    """Rows [..., N] and keypoints [..., K] in pixels -> new scores [..., N], -1 without a centre.

    Of several centres in a region the first in the list counts, with rule.choose=best the one of the best score.
    """
    region, x, y = regions(rows.boxes, rule)[..., None, :], *centres.points[..., None, :, :].unbind(-1)
    inside = (x > region[..., 0]) & (x < region[..., 2]) & (y > region[..., 1]) & (y < region[..., 3])
    inside = inside & (rows.labels[..., :, None] == centres.labels[..., None, :]) & (centres.scores > 0)[..., None, :]
    score = centres.scores[..., None, :].expand(inside.shape)
    order = inside.float() if rule.choose == "first" else score.where(inside, -1)
    best = score.gather(-1, order.argmax(-1, keepdim=True))[..., 0]
    pair = rows.scores.clamp(min=0)
    both = (pair * pair * best) ** (1 / 3) if how == "geometric" else (2 * pair + best) / 3
    return both.masked_fill(~inside.any(-1) | (rows.scores < 0), -1)


class Centres:
    """What a detector with a branch for centres does behind its pairing; the arguments are those of the config."""

    def __init__(self, rule: Centre, top_k: int, kernel: int, how: How) -> None:
        self.rule, self.top_k, self.kernel, self.how = rule, top_k, kernel, how

    def found(self, maps: CornerMaps, stride: Tensor) -> Keypoints:
        """Maps of one stack, pixels of a cell [2] -> the top_k best centres in pixels."""
        read = centre_maps(maps)
        best, _ = best_keypoints(read.heat, read.offset, self.top_k, self.kernel)
        return best._replace(points=best.points * stride)

    def confirmed(self, rows: Detections, centres: Keypoints) -> Detections:
        """Rows [B, N] of a batch in pixels -> those with a centre first, by their new scores; the others score -1."""
        scores = confirmed(rows, centres, self.rule, self.how)
        scores, order = scores.topk(scores.shape[1])  # sort has no translation into ONNX
        boxes = rows.boxes.gather(1, order[..., None].expand(-1, -1, 4))
        labels, tl, br = (x.gather(1, order) for x in (rows.labels, rows.tl_scores, rows.br_scores))
        return Detections(boxes, scores, labels, tl, br)

    def joined(self, views: Sequence[View], size: tuple[int, int]) -> list[Detections]:
        """Views of an image of (height, width), one of each scale and flip -> their rows that have a centre, clipped.

        Centres of all flips count for every view, those of the scale nearest 1 for every scale, the unflipped image's
        first. A box is measured in pixels of the image.
        """
        nearest = min((view.scale for view in views), key=lambda scale: abs(scale - 1))
        seen = sorted((view for view in views if view.scale == nearest), key=lambda view: view.flipped)
        marks = Keypoints(*map(torch.cat, zip(*(view.centres for view in seen if view.centres), strict=True)))
        return [self._in_image(view, marks, size) for view in views]

    def _in_image(self, view: View, centres: Keypoints, size: tuple[int, int]) -> Detections:
        boxes = view.found.boxes
        limit = boxes.new_tensor([size[1], size[0]] * 2)
        reach = boxes.new_tensor([OUTSIDE / view.factor[0], OUTSIDE / view.factor[1]] * 2)
        near = ((boxes > -reach) & (boxes < limit + reach)).all(1)
        rows = Detections(*(x[near] for x in view.found))
        rows = rows._replace(boxes=rows.boxes.clamp(min=0).minimum(limit))
        scores = confirmed(rows, centres, self.rule, self.how)
        rows = rows._replace(scores=scores)
        return Detections(*(x[scores >= 0] for x in rows))
