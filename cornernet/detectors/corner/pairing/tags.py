"""Tags: each corner says some numbers, which the grouping loss makes alike in a box; the loss says how they are read.

Law, Deng: CornerNet, 2018, arXiv 1808.01244, section 3.3, after Newell et al.: Associative Embedding, 2017, arXiv
1611.05424; or any other member of the grouping role.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from cornernet.config import Config, untyped
from cornernet.detectors.corner.head import branch
from cornernet.detectors.corner.show import Arrows
from cornernet.losses import Declared, PairDistance, PointsAt, declared_of

NAME = "loss.grouping.name"


class tags:  # its name in a config
    """Of length tag_dim; 0 where there is no grouping loss, and then all pairs are alike."""

    PLACES = ("grouping",)

    def __init__(
        self, *, tag_dim: int, kernel: int, tags: PairDistance, ae_threshold: float, points_at: PointsAt | None = None
    ) -> None:
        self.tag_dim, self.kernel, self.distance, self.threshold = tag_dim, kernel, tags, ae_threshold
        self.points_at = points_at

    def branch(self, channels: int) -> nn.Module:
        """The branch of one kind of corner."""
        return branch(channels, self.tag_dim, self.kernel) if self.tag_dim else NoTags()

    def loss(self, built: Mapping[str, Callable]) -> Callable | None:
        """That of loss.grouping."""
        return built.get("grouping")

    def arrows(self, tl_points: Tensor, br_points: Tensor) -> Arrows:
        """Corners of boxes [..., 2] in cells -> where their true tags point, if they do; see `pairing`."""
        if self.points_at is None:
            return {}
        tl, br = self.points_at(tl_points, br_points)
        return {"tags": ((tl_points, tl), (br_points, br))}


class NoTags(nn.Module):
    """In place of a branch: [B, channels, H, W] -> [B, 0, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        """Map features as the class says."""
        return x[:, :0]


def pair_distance(config: Config) -> PairDistance:
    """Config -> what its grouping loss declares, tried; raises ValueError where it does not take such tags."""
    found = _declared(config)
    if found is None:
        return nowhere
    _try(found.pair_distance, config.loss.grouping.name, config.model.head.tag_dim)
    return found.pair_distance


def points_at(config: Config) -> PointsAt | None:
    """Config -> where the true tags of its grouping loss point, None where they do not."""
    found = _declared(config)
    return found and found.points_at


def _declared(config: Config) -> Declared | None:
    name = config.loss.grouping.name
    return None if name == "none" else declared_of("grouping", name, typed=not untyped(config, "loss.grouping"))


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
