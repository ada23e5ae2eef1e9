"""The best assignment of rows to columns, one of each, by SciPy on the CPU."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np


def hungarian(s: Tensor, n1: Tensor | None = None, n2: Tensor | None = None) -> Tensor:
    """Scores s [B, N, M], of which the first n1 [B] rows and n2 [B] columns count (None: all) -> 0 and 1, same shape.

    Of each image min(n1, n2) pairs of the largest total score are 1. No gradient; waits for the device. A pair of
    score -inf or NaN is forbidden: there are as few of these among the 1s as can be, and where some are forced the
    others still have the largest total. Of pairs of score inf there are then as many as can be.
    """
    from scipy.optimize import linear_sum_assignment  # here, since `cornernet.ops` imports torch alone

    found = torch.zeros_like(s, device="cpu")
    scores = s.detach().double().cpu().numpy()
    for b, (rows, columns) in enumerate(zip(_counts(n1, s, 1), _counts(n2, s, 2), strict=True)):
        i, j = linear_sum_assignment(_filled(scores[b, :rows, :columns]), maximize=True)
        found[b, i, j] = 1
    return found.to(s.device)


def _filled(s: "np.ndarray") -> "np.ndarray":
    """Scores [N, M] -> the same order of assignments in finite numbers.

    One step above all that the finite scores can differ by, 2 N M max|s| + 1, stands for infinity: a number that is
    merely huge would swallow the finite ones that it is added to.
    """
    import numpy as np

    finite = np.isfinite(s)
    largest = np.abs(s, where=finite, out=np.zeros_like(s)).max(initial=0)
    s = np.ldexp(s, -int(np.frexp(largest)[1]))  # exact, and sums stay finite; the largest is below 1 now
    best = 2 * s.size + 1
    worst = -(2 * s.size * (best if np.isposinf(s).any() else 1) + 1)
    return np.where(finite, s, np.where(np.isposinf(s), best, worst))


def _counts(n: Tensor | None, s: Tensor, dim: int) -> list[int]:
    return [s.shape[dim]] * len(s) if n is None else n.tolist()
