"""The multiplicative angular margin of L-Softmax and SphereFace, and how training eases into it.

    psi(t) = (-1)^k cos(m t) - 2 k   for t in [k pi / m, (k + 1) pi / m],   k = 0 .. m - 1
    the class's own logit is scaled by (lambda cos(t) + psi(t)) / (1 + lambda),
    lambda = max(lambda_min, lambda_start / (1 + decay n))

t: angle between embedding and class vector; m: margin, a whole number; n: optimiser steps so far. psi falls from 1 to
-(2 m - 1) without a jump, m times as fast as the cosine at first; lambda mixes it with the plain cosine.
"""

from math import cos, pi

import torch
from torch import Tensor, nn

from cornernet.losses.reduce import added
from cornernet.losses.steps import Steps


def psi(c: Tensor, m: int) -> Tensor:
    """Cosines in [-1, 1] and whole margin -> psi of their angles, same shape. SphereFace, equation 7."""
    k = added((c < cos(j * pi / m)).to(c.dtype) for j in range(1, m)) if m > 1 else torch.zeros_like(c)
    return (1 - 2 * (k % 2)) * chebyshev(c, m) - 2 * k


def chebyshev(c: Tensor, m: int) -> Tensor:
    """cos(t) and m -> cos(m t), by the recursion of the Chebyshev polynomials: no arc cosine, so a gradient at 0."""
    last, now = torch.ones_like(c), c
    for _ in range(m - 1):
        last, now = now, 2 * c * now - last
    return now


class Annealed(nn.Module):
    """The eased margin: cosines -> factors of the class's own logit."""

    calls: Tensor

    def __init__(
        self, margin: int, lambda_start: float, lambda_min: float, decay: float, progress: Tensor | None = None
    ) -> None:
        super().__init__()
        if margin < 1:
            raise ValueError(f"margin must be a whole number of at least 1, got {margin}")
        if min(lambda_start, lambda_min, decay) < 0:
            raise ValueError(f"lambda_start, lambda_min and decay must not be negative, got {lambda_start}, "
                             f"{lambda_min} and {decay}")  # fmt: skip
        self.margin, self.lambda_start, self.lambda_min, self.decay = margin, lambda_start, lambda_min, decay
        self.register_buffer("calls", torch.zeros(()))  # of the first of every step; checkpoints know it by this name
        self.steps = Steps(progress)

    def forward(self, c: Tensor) -> Tensor:
        """Cosines [N, C] -> [N, C]; in training each step counts, however often it calls."""
        if self.training:
            self.calls += self.steps.begins()
        before = self.calls - 1 if self.training else self.calls
        ease = (self.lambda_start / (1 + self.decay * before)).clamp(min=self.lambda_min).to(c.dtype)
        return (ease * c + psi(c, self.margin)) / (1 + ease)
