"""How far apart the tags of corners are: what the losses teach and the decoder reads."""

from torch import Tensor


def tag_distance(tl_tag: Tensor, br_tag: Tensor) -> Tensor:
    """Tags [B, N, D] and [B, M, D] -> mean absolute difference over D, [B, N, M]; |a - b| for D = 1."""
    return (tl_tag[:, :, None] - br_tag[:, None]).abs().mean(-1)
