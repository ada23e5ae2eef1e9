"""How far two corners are from being of one box: the reading of the tags that belongs to the grouping loss."""

import torch
from torch import Tensor

from cornernet.config import Config, untyped
from cornernet.losses import PairDistance, declared_of

NAME = "loss.grouping.name"


def pair_distance(config: Config) -> PairDistance:
    """Config -> what its grouping loss declares, tried; raises ValueError where it does not take such tags."""
    name = config.loss.grouping.name
    if name == "none":
        return nowhere
    found = declared_of("grouping", name, typed=not untyped(config, "loss.grouping")).pair_distance
    _try(found, name, config.model.head.tag_dim)
    return found


def nowhere(tl_points: Tensor, br_points: Tensor, tl_tags: Tensor, br_tags: Tensor) -> Tensor:
    """Corners [B, K, 2] of both kinds -> 0 for every pair, [B, K, K]: without tags no two are apart."""
    return tl_points.new_zeros(*tl_points.shape[:2], br_points.shape[1])


def _try(distance: PairDistance, name: str, tag_dim: int) -> None:
    with torch.device("cpu"):
        point, tag = torch.zeros(2, 3, 2), torch.zeros(2, 3, tag_dim)
        try:
            shape = list(distance(point, point[:, :2] + 1, tag, tag[:, :2]).shape)
        except Exception as error:  # someone else's function may fail in any way
            raise ValueError(f"pair_distance of {NAME}={name}: {' '.join(str(error).split())}") from error
    if shape != [2, 3, 2]:
        raise ValueError(
            f"pair_distance of {NAME}={name} must give one number a pair, [2, 3, 2] for 3 and 2 corners of 2 images, "
            f"got {shape}"
        )
