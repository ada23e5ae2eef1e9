"""Wise IoU. Tong, Chen, Xu, Yu, 2023, arXiv 2301.10051.

    version 1    L = exp(d^2 / (W^2 + H^2)) (1 - IoU)
    version 3    L = r L of version 1,    r = beta / (delta alpha^(beta - delta)),    beta = (1 - IoU) / M

d: distance between the centres; W, H: size of the smallest box around both, without gradient; M: running mean of
1 - IoU; beta: how much of an outlier a prediction is, without gradient. r is 1 at beta = delta and falls on both sides
of 1 / log(alpha): neither the easiest nor the worst predictions lead.

Use version 1 for a quick approach of the centres, version 3 where some boxes of the data are drawn badly.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from cornernet import processes
from cornernet.losses.reduce import at_least_float32
from cornernet.losses.steps import Steps
from cornernet.ops.boxes import area, box_iou, enclosing, squared_center_distance, squared_diagonal

WEIGHT = 2.0
SPACE = "boxes"


class wiou(nn.Module):
    """Boxes [N, 4] -> [N], not negative.

    momentum: share of the newest step in M, which starts at 1 and moves in training only; 1 - 0.05^(1 / n) leaves 5 %
    of the start after n steps, 0.01 after 300. The mean is over the pairs of a step, its micro-batches, stacks and
    processes, whose target has an area. M is a buffer, saved and loaded with the model. progress: see losses.steps.
    """

    mean: Tensor
    start: Tensor
    seen: Tensor

    def __init__(
        self,
        eps: float = 1e-7,
        version: Literal[1, 3] = 1,
        alpha: float = 1.9,
        delta: float = 3.0,
        momentum: float = 0.01,
        progress: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.eps, self.version, self.alpha, self.delta, self.momentum = eps, version, alpha, delta, momentum
        if version == 3:
            self.register_buffer("mean", torch.ones(()))
            self.register_buffer("start", torch.ones(()), persistent=False)  # the mean as it was before this step
            self.register_buffer("seen", torch.zeros(2), persistent=False)  # sum and number of the step's pairs
            self.steps = Steps(progress)

    def forward(self, boxes1: Tensor, boxes2: Tensor) -> Tensor:
        """Boxes [N, 4] -> [N]."""
        p, g = at_least_float32(boxes1), at_least_float32(boxes2)
        loss = 1 - box_iou(p, g, self.eps)
        around = squared_diagonal(enclosing(p, g)).detach()
        farness = (squared_center_distance(p, g) / (around + self.eps)).clamp(max=1)  # more only if turned inside out
        return self._focus(loss.detach(), area(g) > 0) * farness.exp() * loss

    def _focus(self, loss: Tensor, counted: Tensor) -> Tensor | float:
        """Factor r of every pair; in training the mean takes the pairs in first."""
        if self.version == 1:
            return 1.0
        if self.training:
            self._move(processes.total(torch.stack([(loss * counted).sum(), counted.sum().to(loss)])).to(self.mean))
        beta = loss / (self.mean + self.eps)
        return beta / (self.delta * self.alpha ** (beta - self.delta))

    def _move(self, total: Tensor) -> None:
        """Sum and number [2] of a call's pairs -> the mean as all pairs of the step so far have it."""
        begins = self.steps.begins()
        self.start.copy_(torch.where(begins, self.mean, self.start))
        self.seen.copy_(torch.where(begins, 0, self.seen) + total)
        share = self.momentum * (self.seen[1] > 0)
        self.mean.copy_(self.start.lerp(self.seen[0] / self.seen[1].clamp(min=1), share.to(self.mean)))
