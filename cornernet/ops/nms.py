"""Non-maximum suppression: hard, soft and merging, class by class, on the detections of one image.

Soft-NMS, Bodla et al. 2017, arXiv 1704.04503, equations 2 (linear) and 3 (Gaussian); the merging variant is the
one of the multi-scale test of CornerNet, arXiv 1808.01244; DIoU-NMS is equation 15 of Zheng et al. 2019, arXiv
1911.08287. All are sequential by nature: give them CPU tensors.

Each step keeps the best box that is left and multiplies the score of every other by its decay. Boxes have
x1 <= x2 and y1 <= y2; with pixel=True, as published, a box covers its last pixel too: it is x2 - x1 + 1 wide.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Method = Literal["gaussian", "linear", "hard"]
BY_NAME: dict[str, Method] = {"soft_gaussian": "gaussian", "soft_linear": "linear", "diou": "hard"}
METHODS = ("gaussian", "linear", "hard")
NAMES = ("soft_gaussian", "soft_linear", "hard", "diou", "merge", "none")
CHUNK = 256  # boxes averaged at once
WHOLE = 2048  # up to so many boxes all pairs are compared at once (16 MB a matrix), beyond it row by row


class Kept(NamedTuple):
    """Survivors of one image, best first."""

    index: Tensor  # type: ignore[assignment]  # [k] int64, rows of the input; hides tuple.index
    boxes: Tensor  # [k, 4] float32; the input's, but for merge
    scores: Tensor  # [k] float32, decayed


def nms(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    tl_scores: Tensor,
    br_scores: Tensor,
    name: str = "soft_gaussian",
    iou: float = 0.5,
    sigma: float = 0.5,
    min_score: float = 0.001,
    weight_exp: float = 10.0,
    pixel: bool = True,
) -> Kept:
    """Suppression among boxes of one class, for all classes of an image at once.

    boxes [n, 4]; scores, labels, tl_scores, br_scores [n] -> Kept. name is one of NAMES, merge being Gaussian; diou is
    hard with the overlap lowered by how far the centres lie apart; none only sorts. Boxes below min_score, and rows
    with score -1, are dropped under every name.
    Raises ValueError for another name.
    """
    if name not in NAMES:
        raise ValueError(f"nms must be one of {', '.join(NAMES)}, got {name!r}")
    boxes, scores = boxes.float(), scores.float()
    if name == "merge":
        corners = (tl_scores.float(), br_scores.float())
        return soft_nms_merge(boxes, scores, *corners, "gaussian", iou, sigma, min_score, weight_exp, labels, pixel)
    if name in BY_NAME:
        diou = name == "diou"
        index, scores = soft_nms(boxes, scores, BY_NAME[name], iou, sigma, min_score, labels, pixel, diou)
        return Kept(index, boxes[index], scores)
    index = hard_nms(boxes, scores, iou, labels, pixel) if name == "hard" else scores.argsort(descending=True)
    index = index[(scores[index] >= min_score) & (scores[index] > 0)]
    return Kept(index, boxes[index], scores[index])


def hard_nms(
    boxes: Tensor, scores: Tensor, iou: float = 0.5, labels: Tensor | None = None, pixel: bool = True
) -> Tensor:
    """Indices [k] of the boxes [n, 4] that no better box (of the same label) overlaps by more than iou, best first."""
    from torchvision.ops import batched_nms  # here, since `cornernet.ops` imports torch alone

    labels = torch.zeros_like(scores, dtype=torch.long) if labels is None else labels
    # float64, because the classes are told apart by shifting them out of each other's way
    return batched_nms(_extended(boxes, pixel).double(), scores.double(), labels, iou)


def soft_nms(
    boxes: Tensor,
    scores: Tensor,
    method: Method = "gaussian",
    iou: float = 0.5,
    sigma: float = 0.5,
    min_score: float = 0.001,
    labels: Tensor | None = None,
    pixel: bool = True,
    diou: bool = False,
) -> tuple[Tensor, Tensor]:
    """Indices [k] of the kept boxes [n, 4], best first, and their decayed scores [k].

    method: gaussian, exp(-IoU^2 / sigma); linear, 1 - IoU beyond iou; hard, 0 beyond iou. A box whose score is or
    falls below min_score is dropped. Boxes of different labels [n] leave each other alone. diou: IoU minus the squared
    distance of the centres in squared diagonals of the box around both takes the place of IoU.
    """
    decay = _decay(boxes, labels, method, iou, sigma, pixel, diou)
    picks = [(i, best) for i, best, _, _ in _steps(scores, decay, min_score)]
    return _columns(picks, scores)


def soft_nms_merge(
    boxes: Tensor,
    scores: Tensor,
    tl_scores: Tensor,
    br_scores: Tensor,
    method: Method = "gaussian",
    iou: float = 0.5,
    sigma: float = 0.5,
    min_score: float = 0.001,
    weight_exp: float = 10.0,
    labels: Tensor | None = None,
    pixel: bool = True,
) -> Kept:
    """`soft_nms` that also replaces each kept box by an average over itself and the boxes left that it decays.

    Box j enters the average around box i with weight (1 - decay_ij) ** weight_exp, box i itself with weight 1; on
    top of it the top-left corner of j counts with tl_scores[j], the bottom-right one with br_scores[j].
    The published code does the same but leaves these two scores behind when it moves a box.
    """
    steps = _steps(scores, _decay(boxes, labels, method, iou, sigma, pixel), min_score)
    picks: list[tuple[int, float]] = []
    merged = [boxes[:0]]
    for some in iter(lambda: list(islice(steps, CHUNK)), []):
        kept, best, rows, left = zip(*some, strict=True)
        alive = torch.stack(left).ge_(max(min_score, torch.finfo(scores.dtype).tiny))
        share = (1 - torch.stack(rows)).pow_(weight_exp).mul_(alive)
        merged.append(_merge(boxes, boxes[list(kept)], share * tl_scores, share * br_scores))
        picks += zip(kept, best, strict=True)
    index, scores = _columns(picks, scores)
    return Kept(index, torch.cat(merged), scores)


def _steps(scores: Tensor, decay: Callable[[int], Tensor], min_score: float) -> Iterator[tuple]:
    """(kept box, its score, its decay of all boxes, all scores before that decay), best first."""
    left = scores
    for _ in range(len(scores)):
        i = int(left.argmax())
        best = float(left[i])
        if not (best > 0 and best >= min_score):
            return
        row = decay(i)
        yield i, best, row, left
        left = left * row  # its own decay is 0: it will not come back


def _decay(
    boxes: Tensor, labels: Tensor | None, method: str, iou: float, sigma: float, pixel: bool, diou: bool = False
) -> Callable[[int], Tensor]:
    """Function from a box to the factors [n] by which it lowers the scores of all boxes; for itself it is 0."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    sides = _extended(boxes, pixel).t().contiguous()
    groups = None if labels is None else labels.float()

    def rows(which: slice) -> Tensor:
        overlap = _iou(sides[:, which], sides)
        if diou:
            overlap = (overlap - _farness(sides[:, which], sides)).clamp_(min=0)
        if groups is not None:
            overlap *= (groups[which, None] - groups).eq_(0)
        factor = _factor(overlap, method, iou, sigma)
        factor.diagonal(which.start).zero_()
        return factor

    if len(boxes) <= WHOLE:
        return list(rows(slice(0, len(boxes)))).__getitem__
    return lambda i: rows(slice(i, i + 1))[0]


def _factor(overlap: Tensor, method: str, iou: float, sigma: float) -> Tensor:
    """IoU -> what is left of a score, same shape."""
    if method == "gaussian":
        return overlap.square_().div_(-sigma).exp_()
    left = 1 - overlap if method == "linear" else torch.zeros_like(overlap)
    return torch.where(overlap > iou, left, 1)


def _iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Sides [4, k], [4, n] -> [k, n]; 0 where nothing overlaps, also between boxes without area."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = boxes[:, :, None], others
    common = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)).clamp_(min=0)
    common *= (torch.minimum(ay2, by2) - torch.maximum(ay1, by1)).clamp_(min=0)
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - common
    return common.div_(union.clamp_(min=torch.finfo(union.dtype).tiny))


def _farness(boxes: Tensor, others: Tensor) -> Tensor:
    """Sides [4, k], [4, n] -> squared distance of the centres / squared diagonal of the box around both, [k, n]."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = boxes[:, :, None], others
    apart = ((ax1 + ax2 - bx1 - bx2) ** 2 + (ay1 + ay2 - by1 - by2) ** 2) / 4
    around = (torch.maximum(ax2, bx2) - torch.minimum(ax1, bx1)) ** 2
    around += (torch.maximum(ay2, by2) - torch.minimum(ay1, by1)) ** 2
    return apart / around.clamp_(min=torch.finfo(around.dtype).tiny)


def _extended(boxes: Tensor, pixel: bool) -> Tensor:
    """Boxes whose last pixel counts are one pixel longer to ordinary arithmetic."""
    return boxes + boxes.new_tensor([0, 0, 1, 1]) if pixel else boxes


def _merge(boxes: Tensor, own: Tensor, tl: Tensor, br: Tensor) -> Tensor:
    """Averages [k, 4] of the corners of boxes [n, 4] by weights tl, br [k, n]; where all are 0, own [k, 4] stays."""
    start, end = tl.sum(1, keepdim=True), br.sum(1, keepdim=True)
    mean = torch.cat([tl @ boxes[:, :2] / start, br @ boxes[:, 2:] / end], 1)
    return torch.where(torch.cat([start, start, end, end], 1) > 0, mean, own)


def _columns(picks: list[tuple[int, float]], like: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs (index, score) -> two tensors on the device of `like`."""
    index = torch.tensor([i for i, _ in picks], dtype=torch.long, device=like.device)
    return index, like.new_tensor([best for _, best in picks])
