"""What a detector asks of its backbone."""

from abc import abstractmethod

from torch import nn


class Backbone(nn.Module):
    """Normalised images [B, 3, H, W] -> features of every supervised stack: a tensor each, or a list of levels."""

    multiple: int  # of which input sizes are multiples, or up to three pixels less

    @abstractmethod
    def segments(self) -> list[nn.Module]:
        """Return the parts that gradient checkpointing computes twice; see `recompute`."""
