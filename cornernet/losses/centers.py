"""Class centres: the running mean embedding of every class, kept as a buffer and equal on all processes."""

import torch
from torch import Tensor, nn

from cornernet import processes
from cornernet.losses.embedded import Rows
from cornernet.losses.steps import Steps


class Centers(nn.Module):
    """Centres [C, D], which start at 0 and are moved by `update`, never by the optimiser.

    They move once a step, by all rows of its micro-batches and stacks: every call finds those of before the step.
    """

    c: Tensor
    start: Tensor
    seen: Tensor

    def __init__(self, num_classes: int, dim: int, progress: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("c", torch.zeros(num_classes, dim))
        self.register_buffer("start", torch.zeros(num_classes, dim), persistent=False)  # c as it was before the step
        self.register_buffer("seen", torch.zeros(num_classes, dim + 1), persistent=False)  # sums of its rows, counts
        self.steps = Steps(progress)

    def before(self) -> Tensor:
        """Centres [C, D] as they were before this step, in eval mode as they are; asked for once a call."""
        if not self.training:
            return self.c
        begins = self.steps.begins()
        self.start.copy_(torch.where(begins, self.c, self.start))
        self.seen.copy_(torch.where(begins, 0, self.seen))
        return self.start

    @torch.no_grad()
    def update(self, rows: Rows, rate: float, drift: Tensor | float = 0.0) -> None:
        """Move each centre by -rate (sum over its rows of (c - x) / (1 + their number) + drift), over all processes.

        The rows are those of the step so far, c is from before it. Wen, Zhang, Li, Qiao, 2016, equation 4; drift [C, D]
        is a further gradient.
        """
        member = (rows.y[:, None] == torch.arange(len(self.c), device=rows.y.device)) & rows.real[:, None]
        # not a matrix product, which autocast would round: [C, D] sums of the rows of each class
        sums = torch.zeros_like(self.c).index_add_(0, rows.y, rows.x.to(self.c.dtype))
        count = member.sum(0)[:, None].to(self.c.dtype)
        self.seen += processes.total(torch.cat([sums, count], 1))
        sums, count = self.seen[:, :-1], self.seen[:, -1:]
        self.c.copy_(self.start - rate * ((count * self.start - sums) / (1 + count) + drift))
