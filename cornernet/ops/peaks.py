"""The best local maxima of a heatmap: where keypoint detectors look for corners and centres.

CornerNet, Law and Deng 2018, arXiv 1808.01244, section 4.2: non-maximal suppression in a window, then the K best.
"""

import torch.nn.functional as F
from torch import Tensor


def top_peaks(heat: Tensor, top_k: int, kernel: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Heat [B, C, H, W] in [0, 1] -> scores, labels and flat cells [B, K] of its best local maxima, best first.

    A peak is the maximum of its kernel x kernel window; all cells of a plateau are peaks. K = top_k, or C H W if
    that is smaller; where an image has fewer peaks the rest have score 0.
    """
    cells = heat.shape[2] * heat.shape[3]
    peaks = (heat * (F.max_pool2d(heat, kernel, 1, kernel // 2) == heat)).flatten(1)
    scores, where = peaks.topk(min(top_k, peaks.shape[1]))
    return scores, where // cells, where % cells
