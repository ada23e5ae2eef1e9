"""How far two corners are from being of one box: the reading of the tags that belongs to each grouping loss."""

import torch
from torch import Tensor

from cornernet.detectors.corner.decode import Corners, PairDistance, by_tags


def shift_distance(tl: Corners, br: Corners) -> Tensor:
    """Disagreement of both corners' centripetal shifts with the box they would span -> [B, K, K].

    Mean over both corners and both axes of |tag - log(half the side)|: 0.1 is a box about 10 % off what they expect.
    Pairs that are inverted or without size are infinitely far. CentripetalNet, arXiv 2003.09119, section 3.2.
    """
    corners = [torch.stack((c.x, c.y), -1) for c in (tl, br)]
    side = corners[1][:, None] - corners[0][:, :, None]  # [B, K, K, 2]
    shift = (side.clamp(min=1e-6) / 2).log()
    error = (tl.tags[:, :, None] - shift).abs() + (br.tags[:, None] - shift).abs()
    return error.mean(-1) / 2


SHIFT_LOSSES = {"centripetal"}


def pair_distance(grouping: str, tag_dim: int) -> PairDistance:
    """Name of the grouping loss -> distance of a pair; raises ValueError where the tags cannot hold what it needs."""
    if grouping not in SHIFT_LOSSES:
        return by_tags
    if tag_dim != 2:
        raise ValueError(f"loss.grouping.name={grouping} needs model.head.tag_dim=2 (x and y shift), got {tag_dim}")
    return shift_distance
