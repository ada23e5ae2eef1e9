"""How far apart the tags of corners are: what the losses teach and the decoder reads."""

from torch import Tensor


def tag_distance(tl_tag: Tensor, br_tag: Tensor) -> Tensor:
    """Tags [B, N, D] and [B, M, D] -> mean absolute difference over D, [B, N, M]; |a - b| for D = 1."""
    return (tl_tag[:, :, None] - br_tag[:, None]).abs().mean(-1)


def by_tags(tl_points: Tensor, br_points: Tensor, tl_tags: Tensor, br_tags: Tensor) -> Tensor:
    """Corners [B, K, 2] (x, y) in cells and their tags [B, K, D], of both kinds -> `tag_distance` [B, K, K]."""
    return tag_distance(tl_tags, br_tags)
