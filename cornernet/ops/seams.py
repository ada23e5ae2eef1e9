"""One box an object, where overlapping tiles of an image, and maybe the image as a whole, were searched one by one.

Sequential by nature: give it CPU tensors. A view shows a frame of the image and knows an edge of a box to its `slack`,
NEAR of its pixels and SHARE of the box's side. Its box is cut where it reaches, to the slack, a border of the frame
inside the image. A box that lies within the frame of a finer view is left to that view. From the highest score on,
a box that is cut counting half:

1. A cut box grows by the best box of every other view that shows the same in the pixels that both views see, these by
   those of further views, to the box around all.
   Sides that a coarse view alone would give are those of the best finer box that shows them uncut, to the slack.
2. Of other views the boxes of its class are left out that show the same, which is what their frame would show of it
   (IoU from HALF on, or all edges within the slack), and the cut ones of which HALF or more lies in it, if it goes on
   beyond the border that cuts them. It takes the best score of those that show the same.

Boxes of one view never touch each other here: what is in a view was thinned out before.
"""

import heapq
from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.ops.boxes import area, box_iou, intersection

NEAR = 2.0  # pixels of a network's input
SHARE = 0.05
HALF = 0.5


class Seen(NamedTuple):
    """Boxes of all views of an image, row by row."""

    boxes: Tensor  # [n, 4] float32, pixels of the image
    scores: Tensor  # [n] float32
    labels: Tensor  # [n] int64
    views: Tensor  # [n] int64, rows of the frames
    frames: Tensor  # [V, 4] float32, what a view shows, pixels of the image
    pixels: Tensor  # [V] float32, side of a pixel of the view in pixels of the image


class _Rows(NamedTuple):
    """What the steps ask for, row by row."""

    boxes: Tensor  # [n, 4]
    labels: Tensor  # [n]
    views: Tensor  # [n]
    frames: Tensor  # [n, 4]
    slack: Tensor  # [n, 4] how far each edge may be off
    cut: Tensor  # [n, 4] bool, by which sides of its frame
    rank: Tensor  # [n] what counts of the score
    pixels: Tensor  # [n] side of a pixel of the view


def join(seen: Seen, size: tuple[int, int], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes of all views of an image of (height, width) -> boxes, scores, labels of the count best objects."""
    rows = _rows(seen, size)
    alive = ~_left_to_finer(seen)
    kept: list[tuple[Tensor, float, int]] = []
    best: list[float] = []  # a heap of the count best scores
    for i in rows.rank.argsort(descending=True, stable=True).tolist():
        if not alive[i]:
            continue
        if len(best) == count and 2 * float(rows.rank[i]) <= best[0]:
            break
        members = _grown(rows, i, alive)
        box, slack = _around(rows.boxes[members]), rows.slack[members].amax(0)
        others = alive & (rows.labels == rows.labels[i]) & ~torch.isin(rows.views, rows.views[members])
        same = others & _same(rows, box, slack)
        alive &= ~(same | (others & _part(rows, box)))
        alive[members] = False
        shown = torch.cat([torch.tensor(members), same.nonzero()[:, 0]])
        score = float(seen.scores[shown].max())
        kept.append((_sharpened(rows, box, slack, members, shown), score, int(rows.labels[i])))
        heapq.heappush(best, score)
        if len(best) > count:
            heapq.heappop(best)
    kept = sorted(kept, key=lambda found: -found[1])[:count]
    boxes = torch.stack([box for box, _, _ in kept]) if kept else seen.boxes[:0]
    return boxes, seen.scores.new_tensor([x for _, x, _ in kept]), seen.labels.new_tensor([x for *_, x in kept])


def _rows(seen: Seen, size: tuple[int, int]) -> _Rows:
    boxes, frames = seen.boxes, seen.frames[seen.views]
    slack = (NEAR * seen.pixels[seen.views, None] + SHARE * (boxes[:, 2:] - boxes[:, :2])).repeat(1, 2)
    inner = seen.frames != seen.frames.new_tensor([0, 0, size[1], size[0]])
    cut = inner[seen.views] & ((boxes - frames).abs() <= slack)
    rank = seen.scores * torch.where(cut.any(1), 0.5, 1.0)
    return _Rows(boxes, seen.labels, seen.views, frames, slack, cut, rank, seen.pixels[seen.views])


def _left_to_finer(seen: Seen) -> Tensor:
    """Which boxes [n] lie within the frame of one of the finest views, though their own is none."""
    finest = seen.pixels == seen.pixels.min()
    coarse = (~finest)[seen.views].nonzero()[:, 0]
    found = torch.zeros(len(seen.boxes), dtype=torch.bool)
    found[coarse] = (_inward(seen.boxes[coarse, None] - seen.frames[finest]) >= 0).all(-1).any(-1)
    return found


def _grown(rows: _Rows, i: int, alive: Tensor) -> list[int]:
    """Row -> itself and, if it is cut, the rows of other views that show more of the same object."""
    members = [i]
    for row in members:
        if rows.cut[row].any():
            taken = set(rows.views[members].tolist())
            fit = (alive & (rows.labels == rows.labels[i]) & _agree(rows, row)).nonzero()[:, 0]
            for j in fit[rows.rank[fit].argsort(descending=True, stable=True)].tolist():
                if int(rows.views[j]) not in taken:
                    taken.add(int(rows.views[j]))
                    members.append(j)
    return members


def _around(boxes: Tensor) -> Tensor:
    """[k, 4] -> the box [4] around all."""
    return torch.cat([boxes[:, :2].amin(0), boxes[:, 2:].amax(0)])


def _sharpened(rows: _Rows, box: Tensor, slack: Tensor, members: list[int], shown: Tensor) -> Tensor:
    """Box [4] around its members -> with sides of the finer ones among the rows [k] that show it, best first."""
    fine = shown[rows.pixels[shown] < rows.pixels[members].max()]
    fine = fine[rows.rank[fine].argsort(descending=True, stable=True)]
    near = ~rows.cut[fine] & ((rows.boxes[fine] - box).abs() <= slack)
    for side in near.any(0).nonzero()[:, 0].tolist():
        box[side] = rows.boxes[fine[near[:, side]][0], side]
    return box


def _agree(rows: _Rows, i: int) -> Tensor:
    """Which rows [n] show the same as row i in the pixels that both views see, or at the line where they meet."""
    common = torch.cat(
        [
            torch.maximum(rows.frames[i, :2], rows.frames[:, :2]),
            torch.minimum(rows.frames[i, 2:], rows.frames[:, 2:]),
        ],
        1,
    )
    slack = rows.slack[i] + rows.slack
    meet = (common[:, 2:] >= common[:, :2]).all(1)
    reach = _reaches(rows.boxes[i], common, slack) & _reaches(rows.boxes, common, slack)
    apart = (_clip(rows.boxes[i], common) - _clip(rows.boxes, common)).abs()
    return meet & reach & (apart <= slack).all(1)


def _same(rows: _Rows, box: Tensor, slack: Tensor) -> Tensor:
    """Which rows [n] show what their frame would show of a box [4] whose edges may be off by the slack [4]."""
    shown = _clip(box, rows.frames)
    near = ((shown - rows.boxes).abs() <= slack + rows.slack).all(1) & (intersection(shown, rows.boxes) > 0)
    return near | (box_iou(shown, rows.boxes) >= HALF)


def _part(rows: _Rows, box: Tensor) -> Tensor:
    """Which rows [n] are cut by a border that a box [4] goes across, and lie in it by half or more."""
    across = rows.cut & (_inward(box - rows.frames) < -rows.slack)
    return across.any(1) & (intersection(box, rows.boxes) >= HALF * area(rows.boxes))


def _inward(differences: Tensor) -> Tensor:
    """Box minus frame [..., 4] -> how far each edge of the box lies inside the frame, negative beyond it."""
    return differences * differences.new_tensor([1, 1, -1, -1])


def _clip(boxes: Tensor, frames: Tensor) -> Tensor:
    """[..., 4] -> what of them lies in the frames [n, 4]; without area on the border where nothing does."""
    low, high = frames[:, [0, 1, 0, 1]], frames[:, [2, 3, 2, 3]]
    return torch.minimum(torch.maximum(boxes, low), high)


def _reaches(boxes: Tensor, frames: Tensor, slack: Tensor) -> Tensor:
    """Which boxes [..., 4] touch the frames [n, 4], give or take the slack [n, 4]."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return ((high >= frames[:, :2] - slack[:, :2]) & (low <= frames[:, 2:] + slack[:, 2:])).all(-1)
