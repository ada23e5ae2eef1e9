"""Corners that say how large their box is. Wei et al.: Corner Affinity, 2022, IJCAI.

Each corner predicts log(w + 1), log(h + 1) of its box in cells, beside the tag of CornerNet, and so a box of its own: A
from the top-left corner, B from the bottom-right one. For a pair

    SA = IoU(A, B) - ((l1 + l2) / 2 / d)^2     CA = exp(-tanh(t)^2 / 0.5)

l1: distance between the bottom-right points of A and B, l2: between the top-left ones; d: diagonal of the box between
the two corners; t: distance of their tags, as `loss.grouping` reads it; sides are counted with one cell more, as the
authors do. A pair lives if SA CA >= `least`; its distance is 1 - SA CA, which test.weights.distance takes off the
score. The sizes are a component of the offset role, `loss.size`. The authors' code was read, not run.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from cornernet.detectors.corner.head import branch
from cornernet.detectors.corner.pairing.tags import NoTags
from cornernet.detectors.corner.show import Arrows
from cornernet.losses import PairDistance, adapt
from cornernet.losses.scope import offset_share
from cornernet.losses.several import by_name

LARGEST = 10.0  # of a logarithm, 22 thousand cells: what an untrained corner says stays finite


class affinity:
    """The way of pairing; least: smallest affinity of a pair, above 0 and below 1, else ValueError."""

    PLACES = ("grouping", "size")

    def __init__(self, least: float = 0.2, *, tag_dim: int, tags: PairDistance, kernel: int = 3) -> None:
        if not 0 < least < 1:
            raise ValueError(f"least must be above 0 and below 1, got {least}")
        self.threshold, self.tag_dim, self.tags, self.kernel = 1 - least, tag_dim, tags, kernel

    def branch(self, channels: int) -> nn.Module:
        """Width of the corner-pooled features -> what a corner says at every cell, its tag before its size.

        Features [B, channels, H, W] -> [B, tag_dim + 2, H, W].
        """
        return TagAndSize(channels, self.tag_dim, self.kernel)

    def loss(self, built: Mapping[str, Callable]) -> Callable[..., dict[str, Tensor]]:
        """Losses of the places grouping, if there is one, and size -> loss of what both corners say."""
        return Sizes(built.get("grouping"), built["size"], self.tag_dim)

    def distance(self, tl_points: Tensor, br_points: Tensor, tl_said: Tensor, br_said: Tensor) -> Tensor:
        """Corners [B, K, 2] in cells and what they say [B, K, D + 2] -> 1 - affinity of every pair, [B, K, K]."""
        apart = self.tags(tl_points, br_points, tl_said[..., : self.tag_dim], br_said[..., : self.tag_dim])
        context = torch.exp(-(apart.tanh() ** 2) / 0.5)
        near, far = tl_points[:, :, None], br_points[:, None]
        return 1 - structure(near, near + _side(tl_said)[:, :, None], far - _side(br_said)[:, None], far) * context

    def arrows(self, tl_points: Tensor, br_points: Tensor) -> Arrows:
        """Corners of boxes [..., 2] in cells -> where their true sizes reach; see `pairing`."""
        side = _side(true_size(tl_points, br_points))
        return {"sizes": ((tl_points, tl_points + side), (br_points, br_points - side))}


def true_size(tl_point: Tensor, br_point: Tensor) -> Tensor:
    """Corners of boxes [..., 2] in cells -> logarithms of width and height [..., 2], what both should say."""
    return (br_point - tl_point).clamp(min=0).log1p()


def structure(a_near: Tensor, a_far: Tensor, b_near: Tensor, b_far: Tensor) -> Tensor:
    """Top-left and bottom-right points of boxes A and B, [..., 2] in cells, broadcast -> SA [...]; see the module."""
    shared = (torch.minimum(a_far, b_far) - torch.maximum(a_near, b_near) + 1).clamp(min=0).prod(-1)
    either = (a_far - a_near + 1).prod(-1) + (b_far - b_near + 1).prod(-1) - shared
    lengths = [(first - second).square().sum(-1) for first, second in ((a_far, b_far), (a_near, b_near))]
    between = (lengths[0].sqrt() + lengths[1].sqrt()) / 2
    return shared / either - between**2 / (b_far - a_near).square().sum(-1).clamp(min=1e-6)


def _side(said: Tensor) -> Tensor:
    """What corners say [..., D + 2] -> width and height of their boxes in cells [..., 2]."""
    return said[..., -2:].clamp(min=0).clamp(max=LARGEST).expm1()


class TagAndSize(nn.Module):
    """Corner-pooled features [B, channels, H, W] -> tag and logarithms of width and height, [B, tag_dim + 2, H, W]."""

    def __init__(self, channels: int, tag_dim: int, kernel: int) -> None:
        super().__init__()
        self.tag = branch(channels, tag_dim, kernel) if tag_dim else NoTags()
        self.size = branch(channels, 2, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Map features as the class says."""
        return torch.cat((self.tag(x), self.size(x)), 1)


class Sizes(nn.Module):
    """What both corners of every object say -> the terms of a grouping loss and {"size"}, of the offset role."""

    def __init__(self, grouping: Callable | None, size: Callable, tag_dim: int) -> None:
        super().__init__()
        self.grouping, self.size, self.tag_dim = grouping, adapt.offset(size), tag_dim
        self.takes_points = grouping is not None and adapt.takes_points(grouping)

    def forward(
        self, tl_said: Tensor, br_said: Tensor, mask: Tensor, tl_point: Tensor, br_point: Tensor
    ) -> dict[str, Tensor]:
        """tl_said, br_said [B, M, D + 2], mask [B, M], corners [B, M, 2] in cells -> scalars by name."""
        true = true_size(tl_point, br_point)
        size = self.size(tl_said[..., -2:], true, mask) + self.size(br_said[..., -2:], true, mask)
        return {**self._tags(tl_said, br_said, mask, tl_point, br_point), "size": offset_share(mask) * size}

    def _tags(
        self, tl_said: Tensor, br_said: Tensor, mask: Tensor, tl_point: Tensor, br_point: Tensor
    ) -> dict[str, Tensor]:
        if self.grouping is None:
            return {}
        points = {"tl_point": tl_point, "br_point": br_point} if self.takes_points else {}
        tags = (said[..., : self.tag_dim] for said in (tl_said, br_said))
        return by_name("grouping", self.grouping(*tags, mask, **points))
