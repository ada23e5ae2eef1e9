"""How far the answer of an exported file is from PyTorch's."""

from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.graphs import Rows
from cornernet.ops.boxes import box_iou

CLOSE = 1e-2  # pixels and score; rows further apart than rounding of float32 ever brings them are not the same row
HALF = 0.5  # overlap from which two boxes show the same object
CUT = 1e-4  # of two rows whose scores differ by less, rounding decides which is the last that is kept


class Difference(NamedTuple):
    """How two answers to the same images differ."""

    rows: int  # valid rows expected
    boxes: float  # largest difference of a coordinate, pixels
    scores: float  # largest difference of a score
    lost: int  # rows of either answer that the other does not have


class Agreement(NamedTuple):
    """How far a coarser answer to the same images says the same."""

    rows: int  # of either answer that count
    shared: int  # of these the ones for which the other has a row of their label that overlaps them by half or more
    scores: Tensor  # [shared] differences of the scores


def difference(
    found: Rows, expected: Rows, pixels: float = CLOSE, score: float = CLOSE, cut: float = CUT
) -> Difference:
    """Two answers -> Difference. Rows are the same that lie nearest among those of their label, whatever their order.

    Rounding may swap rows of nearly equal score, and with them those on either side of the last one that is kept.
    pixels, score: rows further apart are not the same; cut: of two rows of nearer scores either may come last.
    """
    both = list(zip(_images(found), _images(expected), strict=True))
    parts = [_nearest(*pair, pixels / score, cut) for a, b in both for pair in ((a, b), (b, a))]
    boxes, scores = (torch.cat([part[i] for part in parts]) for i in range(2))
    same = (boxes <= pixels) & (scores <= score)
    box, score = (float(x[same].max()) if same.any() else 0.0 for x in (boxes, scores))
    return Difference(int((expected[1] >= 0).sum()), box, score, int((~same).sum()))


def agreement(found: Rows, expected: Rows, least: float) -> Agreement:
    """Two answers of which one is coarser -> Agreement on the rows of either whose score is at least `least`."""
    sides = [(found, expected), (expected, found)]
    parts = [_overlapping(a, b, least) for one, two in sides for a, b in zip(_images(one), _images(two), strict=True)]
    scores = torch.cat(parts)
    same = scores.isfinite()
    return Agreement(len(scores), int(same.sum()), scores[same])


def _overlapping(rows: Rows, others: Rows, least: float) -> Tensor:
    """Rows of one image -> of those that count, how far the score of the best fit among the others is, or inf."""
    (boxes, scores, labels), (their_boxes, their_scores, their_labels) = _valid(rows), _valid(others)
    boxes, scores, labels = (x[scores >= least] for x in (boxes, scores, labels))
    same = (box_iou(boxes[:, None], their_boxes) >= HALF) & (labels[:, None] == their_labels)
    # of several boxes on one object the one of the nearest score: which of them is best is not a matter of precision
    far = (scores[:, None] - their_scores).abs().masked_fill(~same, torch.inf)
    return far.amin(1) if len(their_scores) else torch.full_like(scores, torch.inf)


def _images(rows: Rows) -> list[Rows]:
    return list(zip(*rows, strict=True))


def _nearest(rows: Rows, others: Rows, worth: float, cut: float) -> tuple[Tensor, Tensor]:
    """Rows of one image -> how far the nearest of the others is from each, pixels [n] and score [n].

    worth: pixels that count as much as a score of 1.
    """
    (boxes, scores, labels), (their_boxes, their_scores, their_labels) = _valid(rows), _valid(others)
    if len(their_scores) == len(others[1]):  # none is left out for being invalid, so some may be for want of room
        above = scores > their_scores.min() + cut
        boxes, scores, labels = boxes[above], scores[above], labels[above]
    if not len(their_scores):
        return torch.full_like(scores, torch.inf), torch.full_like(scores, torch.inf)
    apart = (boxes[:, None] - their_boxes).abs().amax(-1)
    score = (scores[:, None] - their_scores).abs()
    far = torch.maximum(apart, score * worth).masked_fill(labels[:, None] != their_labels, torch.inf)
    found, which = far.min(1)
    at = which[:, None]
    pixels, score = (x.gather(1, at)[:, 0].where(found.isfinite(), torch.inf) for x in (apart, score))
    return pixels, score


def _valid(rows: Rows) -> Rows:
    boxes, scores, labels = rows
    kept = scores >= 0
    return boxes[kept], scores[kept], labels[kept]
