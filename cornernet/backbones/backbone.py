"""What a detector and its neck ask of a backbone."""

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn


class Backbone(nn.Module):
    """Normalised images [B, 3, H, W] BGR -> of every stack the levels, fine to coarse: [B, channels[i], h, w].

    All of this belongs to the instance. strides: of the levels, each twice the one before; h = ceil(H / strides[i]).
    channels: their widths. multiple: of which input sizes are multiples, or up to three pixels less. stacks: how many
    outputs are supervised, the last of which is the answer. decoded: its levels have seen the coarser ones already, as
    those on an hourglass's way up have, so that a neck gives them no way down of its own.
    """

    strides: Sequence[int]
    channels: Sequence[int]
    multiple: int
    stacks: int = 1
    decoded: bool = False

    @abstractmethod
    def forward(self, images: Tensor) -> list[list[Tensor]]:
        """Map images as the class says."""

    @abstractmethod
    def segments(self) -> list[nn.Module]:
        """Return the parts that gradient checkpointing computes twice; see `recompute`."""

    def keep(self, first: int, last: int) -> None:
        """Take out, in place, what serves none of the levels first to last, which alone are read from now on.

        What else `forward` gives may then be missing at the end or be anything. Without such a method nothing goes.
        """
