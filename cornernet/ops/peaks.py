"""The best local maxima of a heatmap: where keypoint detectors look for corners and centres.

CornerNet, Law and Deng 2018, arXiv 1808.01244, section 4.2: non-maximal suppression in a window, then the K best.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor


def top_peaks(heat: Tensor, top_k: int, kernel: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Heat [B, C, H, W] in [0, 1] -> scores, labels and flat cells [B, K] of its best local maxima, best first.

    A peak is the maximum of its kernel x kernel window; all cells of a plateau are peaks. K = top_k, or C H W if
    that is smaller; where an image has fewer peaks the rest have score 0.
    """
    cells = heat.shape[2] * heat.shape[3]
    peaks = (heat * (F.max_pool2d(heat, kernel, 1, kernel // 2) == heat)).flatten(1)
    scores, where = peaks.topk(at_most(top_k, peaks.shape[1]))
    return scores, *divided(where, cells)


def at_most(count: int, there: int) -> int:
    """The smaller of both; of an export that leaves the size of images open, `count` wherever no size has fewer."""
    if isinstance(there, int):
        return min(count, there)
    from torch.fx.experimental.symbolic_shapes import statically_known_true  # takes a while, and only exports need it

    return count if statically_known_true(there >= count) else cast(int, torch.sym_min(count, there))


def divided(index: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Whole numbers -> quotients and remainders; no `%`, which ONNX cannot be told where a length is open."""
    quotient = index // length
    return quotient, index - quotient * length
