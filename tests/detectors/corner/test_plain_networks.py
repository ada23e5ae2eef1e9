"""CornerNet-Squeeze and -Saccade against a second, plain formulation, which reads published tensors by their names.

The goldens hold names and shapes of these tensors and no maps.
"""

import re
from itertools import count

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet import config
from cornernet.detectors import build
from cornernet.detectors.corner import official
from cornernet.detectors.corner.attention import attention_maps
from tests.conftest import ROOT

MAPS = ("tl_heats", "br_heats", "tl_tags", "br_tags", "tl_offs", "br_offs")


class Plain:
    """Published tensors by name -> what their networks make of images, in evaluation."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors

    def has(self, part: str) -> bool:
        return any(key.startswith(f"{part}.") for key in self.tensors)

    def conv(self, part: str, x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
        weight = self.tensors[f"{part}.weight"]
        bias = self.tensors.get(f"{part}.bias")
        return F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, groups=groups)

    def norm(self, part: str, x: Tensor) -> Tensor:
        mean, variance, weight, bias = (
            self.tensors[f"{part}.{leaf}"].view(-1, 1, 1) for leaf in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * weight + bias

    def convolution(self, part: str, x: Tensor, stride: int = 1) -> Tensor:
        x = self.conv(f"{part}.conv", x, stride)
        return (self.norm(f"{part}.bn", x) if self.has(f"{part}.bn") else x).relu()

    def block(self, part: str, x: Tensor, stride: int = 1) -> Tensor:
        """A residual block, or a fire module where its tensors say so."""
        if self.has(f"{part}.conv_1x1"):
            small = self.norm(f"{part}.bn1", self.conv(f"{part}.conv1", x))
            wide = [
                self.conv(f"{part}.conv_1x1", small, stride),
                self.conv(f"{part}.conv_3x3", small, stride, groups=small.shape[1]),
            ]
            out = self.norm(f"{part}.bn2", torch.cat(wide, 1))
            return (out + x if out.shape == x.shape else out).relu()
        out = self.norm(f"{part}.bn1", self.conv(f"{part}.conv1", x, stride)).relu()
        out = self.norm(f"{part}.bn2", self.conv(f"{part}.conv2", out))
        if self.has(f"{part}.skip"):
            x = self.norm(f"{part}.skip.1", self.conv(f"{part}.skip.0", x, stride))
        return (out + x).relu()

    def blocks(self, part: str, x: Tensor, stride: int = 1) -> Tensor:
        for number in count():
            if not self.has(f"{part}.{number}"):
                return x
            x = self.block(f"{part}.{number}", x, 1 if number else stride)

    def hourglass(self, part: str, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What it gives, and what every level merges, the innermost first."""
        low, merged = self.blocks(f"{part}.low1", x, 2), []
        if self.has(f"{part}.low2.up1"):
            low, merged = self.hourglass(f"{part}.low2", low)
        else:
            low = self.blocks(f"{part}.low2", low)
        low = self.blocks(f"{part}.low3", low)
        if self.has(f"{part}.up2"):
            up2 = (self.tensors[f"{part}.up2.{leaf}"] for leaf in ("weight", "bias"))
            large = F.conv_transpose2d(low, *up2, stride=2, padding=1)
        else:
            large = low.repeat_interleave(2, 2).repeat_interleave(2, 3)
        out = self.blocks(f"{part}.up1", x) + large
        return out, [*merged, out]

    def pooled(self, part: str, x: Tensor, after: bool) -> Tensor:
        """Corner pooling; after: a cell takes the largest value below it, and to its right, else above and left."""
        sides = []
        for number, axis in ((1, 2), (2, 3)):
            y = self.convolution(f"{part}.p{number}_conv1", x)
            sides.append(y.flip(axis).cummax(axis)[0].flip(axis) if after else y.cummax(axis)[0])
        out = self.norm(f"{part}.p_bn1", self.conv(f"{part}.p_conv1", sum(sides)))
        out = (out + self.norm(f"{part}.bn1", self.conv(f"{part}.conv1", x))).relu()
        return self.convolution(f"{part}.conv2", out)

    def said(self, part: str, x: Tensor) -> Tensor:
        return self.conv(f"{part}.1", self.convolution(f"{part}.0", x))

    def __call__(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Six maps of the last stack, and its attention maps."""
        x = self.blocks("hg.pre", images) if self.has("hg.pre.0.conv1") else self.convolution("hg.pre.0", images, 2)
        for number in count(1):
            if not self.has(f"hg.pre.{number}"):
                break
            x = self.block(f"hg.pre.{number}", x, 2)
        for stack in count():
            levels, merged = self.hourglass(f"hg.hgs.{stack}", x)
            out = self.convolution(f"hg.cnvs.{stack}", levels)
            if not self.has(f"hg.inters.{stack}"):
                break
            both = (("inters_", x), ("cnvs_", out))
            x = sum(self.norm(f"hg.{w}.{stack}.1", self.conv(f"hg.{w}.{stack}.0", y)) for w, y in both).relu()
            x = self.block(f"hg.inters.{stack}", x)
        corners = {c: self.pooled(f"{c}_modules.{stack}", out, c == "tl") for c in ("tl", "br")}
        maps = [self.said(f"{name}.{stack}", corners[name[:2]]) for name in MAPS]
        parts = [f"att_modules.{stack}.{level}" for level in range(len(merged))]
        return maps, [self.said(part, y) for part, y in zip(parts, merged, strict=True) if self.has(part)]


def drawn(listing: str) -> dict[str, Tensor]:
    """A golden's names and shapes -> random tensors that keep the size of what goes through them."""
    random, tensors = torch.Generator().manual_seed(0), {}
    for name, sides in re.findall(r"^([\w.]+)\t\(([\d, ]*)\)", listing, re.MULTILINE):
        shape = [int(side) for side in re.findall(r"\d+", sides)]
        x = torch.randn(shape, generator=random)
        if len(shape) > 1:
            x *= x[0].numel() ** -0.5
        elif name.endswith(("running_var", "weight")):
            x = 0.5 + torch.rand(shape, generator=random)
        else:
            x *= 0.1
        tensors[name] = x
    return tensors


@pytest.mark.parametrize(("member", "side", "attending"), [("Squeeze", 127, 0), ("Saccade", 63, 3)])
def test_published_tensors_make_the_maps_of_the_plain_formulation(shared, member, side, attending):
    listing = shared / f"golden/g2_keys_CornerNet_{member}.txt"
    if not listing.is_file():
        pytest.skip(f"golden {listing.name} is not in the reference data")
    tensors = drawn(listing.read_text())
    detector = build(config.load(ROOT / f"configs/{member.lower()}.yaml"), 80, with_loss=False)
    given = official.convert(tensors)
    official.check(given, detector.network.state_dict())
    network = detector.network.eval()
    network.load_state_dict(given)
    images = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, (maps, attention) = network(images)[-1], Plain(tensors)(images)
    assert len(attention) == attending
    ours = [*found[:2], found.tl_tag, found.br_tag, found.tl_offset, found.br_offset]
    ours += attention_maps(found) if attending else []
    for got, expected in zip(ours, [*maps, *attention], strict=True):
        size = expected.std().item()
        assert 0.01 < size < 100
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-4 * size)
