"""Dense maps of the corner network -> boxes: the inverse of `targets.encode`.

CornerNet, Law and Deng 2018, arXiv 1808.01244, section 4.2: peaks of the heatmaps, refined by their offsets, are
paired when they agree in class, their tags lie close together, and the second lies right of and below the first.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.config import ScoreWeights
from cornernet.detectors.corner.assignment import Assignment
from cornernet.detectors.corner.scores import How, by_distance, by_region, corner_scores
from cornernet.losses import PairDistance
from cornernet.ops.gather import gather_cells
from cornernet.ops.peaks import at_most, divided, top_peaks
from cornernet.ops.tags import by_tags
from cornernet.structures import CornerMaps, Detections, RegionLogits

PLAIN = ScoreWeights()


class Corners(NamedTuple):
    """The K best corners of one kind in each image, best first."""

    scores: Tensor  # [B, K] float32 in [0, 1]; 0 where a map has fewer than K peaks
    labels: Tensor  # [B, K] int64
    x: Tensor  # [B, K] float32, cells, offset added
    y: Tensor  # [B, K] float32, cells, offset added
    tags: Tensor  # [B, K, D] float32
    index: Tensor  # type: ignore[assignment]  # [B, K] int64, y * W + x of the cell; hides tuple.index

    def points(self) -> Tensor:
        """Positions (x, y) in cells, [B, K, 2]."""
        return torch.stack((self.x, self.y), -1)


class Pairs(NamedTuple):
    """All pairs of the corners of each image, and how far each came."""

    possible: Tensor  # [B, K, K] bool, of one class, the second right of and below the first
    close: Tensor  # [B, K, K] bool, of these the ones whose tags lie within the threshold
    kept: Tensor  # [B, K, K] bool, of these the ones that the assignment left
    scores: Tensor  # [B, K, K] float32, -1 for those not kept


def decode(
    maps: CornerMaps,
    top_k: int = 100,
    kernel: int = 3,
    ae_threshold: float = 0.5,
    num_dets: int = 1000,
    score: How = "mean",
    no_border: bool = False,
    pair_distance: PairDistance = by_tags,
    weights: ScoreWeights = PLAIN,
    assignment: Assignment | None = None,
) -> Detections:
    """Maps of one stack, heat as logits -> boxes [B, N, 4] in cells, N = num_dets or the number of pairs if smaller.

    top_k: corners of each kind kept; kernel: odd side of the window in which a corner must be the maximum;
    ae_threshold: distance beyond which a pair is rejected, by pair_distance (corners' points, then tags, -> [B, K, K]);
    score, weights: what a pair's score is made of, see `scores`;
    no_border rejects pairs that rest on the border cells of the map (CornerNet-Saccade); assignment: what leaves each
    corner one of the pairs that are not rejected (`assignment.assignment`; None: all). The offsets may be None.
    Rows are sorted by score; rejected ones have score -1. Raises ValueError for an even kernel or another score.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"kernel must be a positive odd number of cells, got {kernel}")
    tl = find_corners(maps.tl_heat, maps.tl_tag, maps.tl_offset, top_k, kernel)
    br = find_corners(maps.br_heat, maps.br_tag, maps.br_offset, top_k, kernel)
    distance = distances(tl, br, pair_distance)
    allowed = _inside(tl, br, maps.tl_heat.shape[2:]) if no_border else None
    pairs = pair_up(tl, br, distance, ae_threshold, score, weights, assignment, allowed)
    return best_pairs(tl, br, pairs.scores, num_dets)


def pair_up(
    tl: Corners,
    br: Corners,
    distance: Tensor,
    ae_threshold: float = 0.5,
    score: How = "mean",
    weights: ScoreWeights = PLAIN,
    assignment: Assignment | None = None,
    allowed: Tensor | None = None,
) -> Pairs:
    """Corners of both kinds and the distances [B, K, K] of their tags -> Pairs; the arguments are those of `decode`.

    allowed: pairs [B, K, K] that may be, None for all.
    """
    possible = _same_object(tl, br)
    if allowed is not None:
        possible = possible & allowed
    kept = close = possible & (distance <= ae_threshold)
    if assignment is not None:
        kept = assignment(close, distance, corner_scores(tl.scores, br.scores, "geometric"))
    scores = by_distance(corner_scores(tl.scores, br.scores, score), distance, weights)
    return Pairs(possible, close, kept, scores.masked_fill(~kept, -1))


def find_corners(heat: Tensor, tag: Tensor, offset: Tensor | None, top_k: int, kernel: int) -> Corners:
    """Best peaks of heat [B, C, H, W] (logits) with tag [B, D, H, W] and offset [B, 2, H, W] there -> K <= top_k."""
    scores, labels, index = top_peaks(heat.float().sigmoid(), top_k, kernel)
    y, x = (part.float() for part in divided(index, heat.shape[3]))
    if offset is not None:
        shift = gather_cells(offset, index).float()
        x, y = x + shift[..., 0], y + shift[..., 1]
    return Corners(scores, labels, x, y, gather_cells(tag, index).float(), index)


def distances(tl: Corners, br: Corners, pair_distance: PairDistance) -> Tensor:
    """Corners of both kinds -> how far they are from being of one box, as the grouping loss reads it, [B, K, K]."""
    return pair_distance(tl.points(), br.points(), tl.tags, br.tags)


def _same_object(tl: Corners, br: Corners) -> Tensor:
    """Pairs [B, K, K] of two peaks of one class, not inverted; a box without size is none the less a box."""
    same = tl.labels[:, :, None] == br.labels[:, None]
    ordered = (tl.x[:, :, None] <= br.x[:, None]) & (tl.y[:, :, None] <= br.y[:, None])
    return same & ordered & (tl.scores > 0)[:, :, None] & (br.scores > 0)[:, None]


def _inside(tl: Corners, br: Corners, size: Sequence[int]) -> Tensor:
    """Pairs whose cells keep off the first row and column (top-left) and the last ones (bottom-right)."""
    height, width = size
    (top, left), (bottom, right) = divided(tl.index, width), divided(br.index, width)
    first, last = (left > 0) & (top > 0), (right < width - 1) & (bottom < height - 1)
    return first[:, :, None] & last[:, None]


def best_pairs(tl: Corners, br: Corners, scores: Tensor, num_dets: int) -> Detections:
    """The best pairs of scores [B, K, K] as Detections in cells, N = num_dets or K K if that is smaller."""
    pairs = scores.flatten(1)
    scores, pair = pairs.topk(at_most(num_dets, pairs.shape[1]))
    i, j = divided(pair, br.scores.shape[1])
    boxes = torch.stack([tl.x.gather(1, i), tl.y.gather(1, i), br.x.gather(1, j), br.y.gather(1, j)], -1)
    return Detections(boxes, scores, tl.labels.gather(1, i), tl.scores.gather(1, i), br.scores.gather(1, j))


def region_scored(
    pairs: Detections, logits: RegionLogits, num_dets: int, score: How, weights: ScoreWeights, min_pair: float,
    class_corners: bool,
) -> Detections:  # fmt: skip
    """Pairs as `decode` gives them and what a region stage says of their boxes -> the best num_dets, sorted by score.

    class_corners: pairs have a class, which they keep; else each may be of every class, as a row of its own.
    """
    scores = by_region(pairs.scores, logits, score, weights, min_pair)
    if class_corners:
        scores = scores.gather(2, pairs.labels[..., None])
    every, classes = scores.flatten(1), scores.shape[2]
    best, which = every.topk(at_most(num_dets, every.shape[1]))
    row, label = which // classes, which % classes
    boxes = pairs.boxes.gather(1, row[..., None].expand(-1, -1, 4))
    labels = pairs.labels.gather(1, row) if class_corners else label
    return Detections(boxes, best, labels, pairs.tl_scores.gather(1, row), pairs.br_scores.gather(1, row))
