"""The best local maxima of a heatmap: where CornerNet looks for corners.

CornerNet, Law and Deng 2018, arXiv 1808.01244, section 4.2: non-maximal suppression in a window, then the K best.
"""

from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.ops.pieces import PIECE, pays

Found = tuple[Tensor, Tensor, Tensor]
APART = 2e-6  # of two logits farther apart the larger never has the smaller sigmoid, however exp is rounded
LANES = 32  # torch computes the sigmoid of so many floats at once, and of what is left over by another formula


def best_peaks(heat: Tensor, top_k: int, kernel: int = 3) -> Found:
    """Heat [B, C, H, W], logits -> what `top_peaks` finds in its sigmoid, to the bit.

    On a CPU image by image, since maps of a whole batch are too large to be kept for the next operation, and only in
    rows that can hold one of the best: most of a heatmap is cold.
    """
    if not pays(heat):
        return top_peaks(heat.float().sigmoid(), top_k, kernel)
    return _image_by_image(heat.detach(), top_k, kernel)


def _image_by_image(heat: Tensor, top_k: int, kernel: int) -> Found:
    maxima = _row_maxima(heat).float()  # the one pass over all cells, which only reads
    found = [
        _in_few_rows(one, rows, top_k, kernel) or top_peaks(_sigmoid(one.float().contiguous()), top_k, kernel)
        for one, rows in zip(heat.split(1), maxima, strict=True)
    ]
    scores, labels, cells = map(torch.cat, zip(*found, strict=True))
    return scores, labels, cells


def _row_maxima(heat: Tensor) -> Tensor:
    """Heat [B, C, H, W] of either layout, read as it lies in memory -> [B, C, H]."""
    if heat.is_contiguous(memory_format=torch.channels_last):
        return heat.permute(0, 2, 3, 1).amax(2).transpose(1, 2).contiguous()
    return heat.amax(3)


def top_peaks(heat: Tensor, top_k: int, kernel: int = 3) -> Found:
    """Heat [B, C, H, W] in [0, 1] -> scores, labels and flat cells [B, K] of its best local maxima, best first.

    A peak is the maximum of its kernel x kernel window; all cells of a plateau are peaks. K = top_k, or C H W if
    that is smaller; where an image has fewer peaks the rest have score 0.
    """
    cells = heat.shape[2] * heat.shape[3]
    peaks = _peaks(heat, kernel).flatten(1)
    k = min(top_k, peaks.shape[1])
    scores, where = _largest(peaks.view(len(heat), -1, heat.shape[3]), k) if pays(heat) else peaks.topk(k)
    return scores, where // cells, where % cells


def _largest(rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Rows [B, R, W] -> the k largest values and where they lie among R W: they are in the k rows of largest maxima."""
    width = rows.shape[2]
    row = rows.amax(2).topk(min(k, rows.shape[1])).indices.sort().values  # sorted, so that cells keep their order
    scores, where = rows.gather(1, row[:, :, None].expand(-1, -1, width)).flatten(1).topk(k)
    return scores, row.gather(1, where // width) * width + where % width


def _in_few_rows(heat: Tensor, maxima: Tensor, k: int, kernel: int) -> Found | None:
    """Logits [1, C, H, W], maxima [C, H] of their rows -> what `top_peaks` finds, or None where that saves nothing.

    `_largest` reads the k rows whose best peaks are highest. Where the k-th is higher than all others these are the
    same rows here, in the same order, and everything that follows is the same. Equal ones leave a choice: None.
    """
    height, width = heat.shape[2:]
    rows = _warm_rows(maxima, k, kernel) if pays(heat) else None
    if rows is None:
        return None
    peaks = _peaks_of_rows(heat[0], rows, kernel)
    highest, order = peaks.amax(1).topk(k + 1)
    if not highest[k - 1] > highest[k]:
        return None
    chosen = order[:k].sort().values
    scores, where = peaks.index_select(0, chosen).view(1, -1).topk(k)
    cells = rows.index_select(0, chosen).take(where // width) * width + where % width
    return scores, cells // (height * width), cells % (height * width)


def _warm_rows(maxima: Tensor, k: int, kernel: int) -> Tensor | None:
    """Maxima [C, H] of the rows of logits -> the rows, c H + y, ascending, that can hold one of the k + 1 best peaks.

    A row whose maximum is none of its neighbours' below holds a peak for certain, its maximum. k + 1 of these bound
    the others. None where more than every fourth row is left, for then nothing is saved.
    """
    if maxima.numel() <= k:
        return None
    certain = maxima.masked_fill(_line_max(maxima, 1, kernel, -torch.inf) != maxima, -torch.inf)
    bound = certain.view(-1).topk(k + 1).values[-1]
    rows = (~(maxima < bound - APART)).view(-1).nonzero()[:, 0]  # with those that are not a number
    return rows if 4 * len(rows) <= maxima.numel() else None


def _peaks_of_rows(heat: Tensor, rows: Tensor, kernel: int) -> Tensor:
    """Logits [C, H, W] and rows [R], c H + y -> [R, W], their sigmoid where a cell is a peak, 0 elsewhere."""
    side, height = kernel // 2, heat.shape[1]
    plane, y = rows // height, rows % height
    # line by line, which leaves a thread its piece; what lies off the map is replaced by its edge, which is inside too
    near = [(y + d).clamp(0, height - 1) for d in range(-side, side + 1)]
    lines = [_sigmoid(_lines(heat, plane, line).float()) for line in near]  # which no second thread takes part in
    return lines[side] * (_line_max(reduce(torch.maximum, lines), 1, kernel) == lines[side])


def _lines(heat: Tensor, plane: Tensor, y: Tensor) -> Tensor:
    """Heat [C, H, W] of either layout, plane and y [R] -> rows [R, W], contiguous."""
    if heat.is_contiguous():
        return heat.view(-1, heat.shape[2]).index_select(0, plane * heat.shape[1] + y)
    return heat[plane, y].contiguous()


def _sigmoid(x: Tensor) -> Tensor:
    """The same bits wherever a value lies in x: no piece, which one thread works on, leaves anything over."""
    spare = -x.numel() % LANES
    flat = F.pad(x.reshape(-1), (0, spare)) if spare else x.clone().view(-1)
    for piece in flat.split(PIECE):
        piece.sigmoid_()
    return flat[: x.numel()].view_as(x)


def _peaks(heat: Tensor, kernel: int) -> Tensor:
    """Heat [B, C, H, W] -> the same where a cell is the maximum of its window, 0 elsewhere."""
    if not pays(heat):
        return heat * (_window_max(heat, kernel) == heat)
    peaks = torch.empty_like(heat, memory_format=torch.contiguous_format)
    height, width = heat.shape[2:]
    planes = max(1, PIECE // ((height + kernel) * (width + kernel)))  # with the padding
    for some, out in zip(*(t.reshape(-1, 1, *heat.shape[2:]).split(planes) for t in (heat, peaks)), strict=True):
        torch.eq(_window_max(some, kernel), some, out=out).mul_(some)
    return peaks


def _window_max(heat: Tensor, kernel: int) -> Tensor:
    """Maximum of the kernel x kernel window around each cell of a map >= 0; on CPU 14 times as fast as max_pool2d."""
    return _line_max(_line_max(heat, 2, kernel), 3, kernel)


def _line_max(heat: Tensor, dim: int, kernel: int, outside: float = 0) -> Tensor:
    """Maximum of the kernel cells around each along a dimension of a map, nothing of which is below `outside`."""
    side, size = kernel // 2, heat.shape[dim]
    wide = F.pad(heat, (0, 0) * (heat.ndim - 1 - dim) + (side, side), value=outside)
    return reduce(torch.maximum, [wide.narrow(dim, start, size) for start in range(kernel)])
