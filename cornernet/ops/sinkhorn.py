"""Scores of pairs -> a doubly stochastic matrix: the differentiable relaxation of an assignment.

Sinkhorn, Knopp, 1967; in logarithms and with a temperature: Cuturi, 2013, arXiv 1306.0895; Mena et al., 2018,
arXiv 1802.08665, equation 4.

    S^0 = exp(s / tau),  S^i = S^(i-1) / its row sums for odd i, / its column sums for even i

The conventions are those of pygmtools: the shorter side of an image's matrix is taken for its rows, and max_iter counts
half-steps, so that an even number ends with exact column sums. Unlike there, batches with unequal counts have finite
gradients, an entry of -inf (a pair that cannot be) is allowed, and nothing waits for the host.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

DUMMY = -100.0  # log of the entries of dummy rows before the first step


def sinkhorn(
    s: Tensor,
    n1: Tensor | None = None,
    n2: Tensor | None = None,
    dummy_row: bool = False,
    max_iter: int = 10,
    tau: float = 1.0,
) -> Tensor:
    """Scores s [B, N, M], of which the first n1 [B] rows and n2 [B] columns count (None: all) -> [B, N, M] in [0, 1].

    Computed in at least float32. Rows sum to 1 after an odd max_iter and columns after an even one, the other way round
    where there are more rows than columns; 0 beyond the counts and where s is -inf, so rows and columns of nothing else
    sum to 0. dummy_row: the shorter side is filled up to a square with rows that take what no real row wants.
    """
    return log_sinkhorn(s, n1, n2, dummy_row, max_iter, tau).exp()


def log_sinkhorn(
    s: Tensor,
    n1: Tensor | None = None,
    n2: Tensor | None = None,
    dummy_row: bool = False,
    max_iter: int = 10,
    tau: float = 1.0,
) -> Tensor:
    """The logarithm of `sinkhorn`, exact where that underflows; finite, its exponential is 0 where that is."""
    (rows, columns), side = s.shape[1:], max(s.shape[1:])
    x = s if s.dtype == torch.float64 else s.float()
    low = torch.finfo(x.dtype).min / 4
    n1 = s.new_full(s.shape[:1], rows, dtype=torch.long) if n1 is None else n1
    n2 = s.new_full(s.shape[:1], columns, dtype=torch.long) if n2 is None else n2
    turned = ((n1 > n2) | ((n1 == n2) & (rows > columns)))[:, None, None]

    x = torch.where(x == -torch.inf, -torch.inf, (x / tau).clamp(low, -low))
    x = F.pad(x, (0, side - columns, 0, side - rows))
    x = torch.where(turned, x.transpose(1, 2), x)
    slot, short, long = torch.arange(side, device=s.device), torch.minimum(n1, n2), torch.maximum(n1, n2)
    real, column = (slot < short[:, None])[:, :, None], (slot < long[:, None])[:, None]
    row = real
    if dummy_row:
        x, row = x.masked_fill(~real, DUMMY), column.transpose(1, 2)
    outside = ~(row & column) | (x == -torch.inf)  # these get no share, not even of a row that wants nothing else
    x = x.masked_fill(outside, low)
    for step in range(max_iter):
        x = (x - x.logsumexp(2 - step % 2, keepdim=True)).masked_fill(outside, low)
    x = x.masked_fill(~real, low)
    return torch.where(turned, x.transpose(1, 2), x)[:, :rows, :columns]
