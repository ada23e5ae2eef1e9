"""Corners that point at the centre of their box. Dong et al.: CentripetalNet, 2020, arXiv 2003.09119.

    guiding shift      tl: c - floor(p)     br: floor(p) - c             cells; equation 3
    centripetal shift  tl: log(c - p)       br: log(p - c)               equation 1

p: a corner, c: the centre of its box. The guiding shift, through a 1x1 convolution, says where a deformable convolution
looks for the other edges of the box, and from what that sees comes the centripetal shift (cross-star deformable
convolution, section 3.3). No gradient goes back through the places where it looks. Both shifts are components of the
offset role, `loss.guiding` and `loss.shift`; each is summed over both coordinates and both corners and divided by the
number of objects, which is what the authors' code gives for two stacks.

Two corners are a pair if both predicted centres lie strictly inside the central region of the box between them, the box
shrunk about its centre to 1/n of its sides. `region` says by which n, for boxes up to 3500 square pixels of the input
and for larger ones, since the two public codes disagree:

- repository: 2.1 and 2.4, the authors' code;
- mmdetection: 2.4 and 2.1, and the rectangle between the two centres is at most half as large as the region.

The distance of a pair is the area of that rectangle over that of the region, below 1 and infinite for what the test
rejects. Neither code uses it beyond that: with test.weights.distance=1 the score takes the paper's weight, exp(-ratio)
(section 3.2). test.ae_threshold has no part in it.

Of the authors' code these accidents are not repeated: two boxes with one corner pixel count for one in the sum and for
two in the divisor, and the later one overwrites the other's shifts (here each counts); a batch without objects gives
NaN; predicted centres and corners are clipped at 0 before the test; the side of a cell is taken as the stride of the
map, where a published canvas of 511 pixels has 128 cells of 3.99.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from cornernet.detectors.corner.head import branch
from cornernet.detectors.corner.show import Arrows
from cornernet.losses import adapt
from cornernet.losses.reduce import added
from cornernet.losses.scope import offset_share
from cornernet.ops.deform import deform_conv

SWITCH = 3500.0  # square pixels of the input
SMALLEST = 0.1  # cells; keeps the logarithm of a box without size finite
REGIONS = {"repository": (2.1, 2.4, torch.inf), "mmdetection": (2.4, 2.1, 0.5)}  # n of small, of large, largest ratio


class centripetal:
    """The way of pairing; `region` is one of REGIONS, see the module. ValueError for another."""

    PLACES = ("guiding", "shift")
    threshold = torch.finfo(torch.float32).max  # of all pairs the test does not reject

    def __init__(
        self, region: Literal["repository", "mmdetection"] = "repository", *, stride: float, kernel: int = 3
    ) -> None:
        if region not in REGIONS:
            raise ValueError(f"region must be one of {', '.join(REGIONS)}, got {region!r}")
        self.small, self.large, self.most = REGIONS[region]
        self.stride, self.kernel = stride, kernel

    def branch(self, channels: int) -> nn.Module:
        """Width of the corner-pooled features -> what a corner says at every cell, the guiding shift before the other.

        Features [B, channels, H, W] -> [B, 4, H, W].
        """
        return CrossStar(channels, self.kernel)

    def loss(self, built: Mapping[str, Callable]) -> Callable[..., dict[str, Tensor]]:
        """Losses of the places guiding and shift -> loss of what both corners say; see `Shifts`."""
        return Shifts(built["guiding"], built["shift"])

    def distance(self, tl_points: Tensor, br_points: Tensor, tl_said: Tensor, br_said: Tensor) -> Tensor:
        """Corners [B, K, 2] in cells and what they say [B, K, 4] -> distance of every pair, [B, K, K]; see the module.

        Inverted boxes and those without size are infinitely far.
        """
        first = (tl_points + tl_said[..., 2:].exp())[:, :, None]
        second = (br_points - br_said[..., 2:].exp())[:, None]
        tl, br = tl_points[:, :, None], br_points[:, None]
        side, middle = br - tl, (tl + br) / 2  # [B, K, K, 2]
        shrunk = torch.where(side.prod(-1) * self.stride**2 <= SWITCH, self.small, self.large)[..., None]
        half = side / shrunk / 2
        inside = ((first - middle).abs() < half) & ((second - middle).abs() < half)
        ratio = (second - first).abs().prod(-1) / (2 * half).prod(-1)
        return ratio.where(inside.all(-1) & (ratio <= self.most), torch.inf)

    def arrows(self, tl_points: Tensor, br_points: Tensor) -> Arrows:
        """Corners of boxes [..., 2] in cells -> where their true shifts point; see `pairing`."""
        tl, br = true_shifts(tl_points, br_points)
        near, far = tl_points.floor(), br_points.floor()
        return {
            "guiding shifts": ((near, near + tl[..., :2]), (far, far - br[..., :2])),
            "centripetal shifts": (
                (tl_points, tl_points + tl[..., 2:].exp()),
                (br_points, br_points - br[..., 2:].exp()),
            ),
        }


class Deformed(nn.Module):
    """3x3 convolution without bias that looks where it is told; see `ops.deform`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        nn.init.normal_(self.weight, std=0.01)

    def forward(self, x: Tensor, offsets: Tensor) -> Tensor:
        """Features [B, channels, H, W], offsets [B, 18, H, W] in cells -> the shape of the features, float32."""
        return deform_conv(x, offsets, self.weight)


class CrossStar(nn.Module):
    """Corner-pooled features [B, channels, H, W] -> guiding and centripetal shift, [B, 4, H, W].

    kernel: of the first convolution behind either shift; the deformable one has 3 x 3 taps whatever it is.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.guiding = branch(channels, 2, kernel)
        self.to_offsets = nn.Conv2d(2, 18, 1, bias=False)
        nn.init.normal_(self.to_offsets.weight, std=0.1)
        self.adapted = Deformed(channels)
        self.shift = branch(channels, 2, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Map features as the class says."""
        guiding = self.guiding(x)
        adapted = self.adapted(x, self.to_offsets(guiding.detach()))
        return torch.cat((guiding, self.shift(adapted)), 1)


def true_shifts(tl_point: Tensor, br_point: Tensor) -> tuple[Tensor, Tensor]:
    """Corners of boxes [..., 2] in cells, fractions included -> what they should say, [..., 4] each."""
    centre, half = (tl_point + br_point) / 2, ((br_point - tl_point) / 2).clamp(min=SMALLEST).log()
    return torch.cat((centre - tl_point.floor(), half), -1), torch.cat((br_point.floor() - centre, half), -1)


class Shifts(nn.Module):
    """What both corners of every object say -> {"guiding", "shift"}: both shifts against the true ones, by losses of
    the offset role; as many as the terms of a whole batch on one process.
    """

    def __init__(self, guiding: Callable, shift: Callable) -> None:
        super().__init__()
        self.guiding, self.shift = adapt.offset(guiding), adapt.offset(shift)

    def forward(
        self, tl_said: Tensor, br_said: Tensor, mask: Tensor, tl_point: Tensor, br_point: Tensor
    ) -> dict[str, Tensor]:
        """tl_said, br_said [B, M, 4], mask [B, M], corners [B, M, 2] in cells, fractions included -> scalars."""
        said = zip((tl_said, br_said), true_shifts(tl_point, br_point), strict=True)
        errors = [
            (self.guiding(x[..., :2], true[..., :2], mask), self.shift(x[..., 2:], true[..., 2:], mask))
            for x, true in said
        ]
        guiding, shift = (added(terms) for terms in zip(*errors, strict=True))
        share = offset_share(mask)
        return {"guiding": share * guiding, "shift": share * shift}
