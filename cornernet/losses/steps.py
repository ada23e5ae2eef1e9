"""Which calls of a loss belong to one optimiser step: micro-batches and stacks call it several times a step."""

import torch
from torch import Tensor, nn


class Steps(nn.Module):
    """Tells the calls of one step from those of the next by the progress of the training, which changes in between."""

    last: Tensor

    def __init__(self, progress: Tensor | None = None) -> None:
        """progress: 0-dim, changed in place before every step, see `building.build`; None: every call is a step."""
        super().__init__()
        self.progress = progress
        # not saved: a save lies between two steps, so what comes next is a new one
        self.register_buffer("last", torch.full((), -1.0), persistent=False)

    def begins(self) -> Tensor:
        """Return whether this call, one in training, is the first of its step, 0-dim bool."""
        if self.progress is None:
            return torch.ones_like(self.last, dtype=torch.bool)
        new = self.last != self.progress
        self.last.copy_(self.progress)
        return new
