"""Class centres: the running mean embedding of every class, kept as a buffer and equal on all processes."""

import torch
from torch import Tensor, nn

from cornernet import processes
from cornernet.losses.embedded import Rows


class Centers(nn.Module):
    """Centres [C, D], which start at 0 and are moved by `update`, never by the optimiser."""

    c: Tensor

    def __init__(self, num_classes: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("c", torch.zeros(num_classes, dim))

    def of(self, rows: Rows) -> Tensor:
        """The centre of each row's class, [N, D], as it was before this batch."""
        return self.c[rows.y].to(rows.x.dtype)

    @torch.no_grad()
    def update(self, rows: Rows, rate: float, drift: Tensor | float = 0.0) -> None:
        """Move each centre by -rate (sum over its rows of (c - x) / (1 + their number) + drift), over all processes.

        Wen, Zhang, Li, Qiao, 2016, equation 4; drift [C, D] is a further gradient.
        """
        member = (rows.y[:, None] == torch.arange(len(self.c), device=rows.y.device)) & rows.real[:, None]
        # not a matrix product, which autocast would round: [C, D] sums of the rows of each class
        sums = torch.zeros_like(self.c).index_add_(0, rows.y, rows.x.to(self.c.dtype))
        count = member.sum(0)[:, None].to(self.c.dtype)
        both = processes.total(torch.cat([sums, count], 1))
        sums, count = both[:, :-1], both[:, -1:]
        self.c -= rate * ((count * self.c - sums) / (1 + count) + drift)
