"""The best assignment of rows to columns, one of each, by SciPy on the CPU."""

import torch
from torch import Tensor


def hungarian(s: Tensor, n1: Tensor | None = None, n2: Tensor | None = None) -> Tensor:
    """Scores s [B, N, M], of which the first n1 [B] rows and n2 [B] columns count (None: all) -> 0 and 1, same shape.

    Of each image min(n1, n2) pairs of the largest total score are 1. No gradient; waits for the device. A score of NaN
    counts as the worst there is.
    """
    from scipy.optimize import linear_sum_assignment  # here, since `cornernet.ops` imports torch alone

    found = torch.zeros_like(s, device="cpu")
    scores = s.detach().double().nan_to_num(nan=-torch.inf).clamp(-1e300, 1e300).cpu().numpy()
    for b, (rows, columns) in enumerate(zip(_counts(n1, s, 1), _counts(n2, s, 2), strict=True)):
        i, j = linear_sum_assignment(scores[b, :rows, :columns], maximize=True)
        found[b, i, j] = 1
    return found.to(s.device)


def _counts(n: Tensor | None, s: Tensor, dim: int) -> list[int]:
    return [s.shape[dim]] * len(s) if n is None else n.tolist()
