"""One curve a loss: its value, and the gradient, against the one quantity that its role is about."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cornernet.losses import build
from cornernet.losses.adapt import takes, takes_points

GIVEN = {"num_classes": 2, "dim": 3, "image_size": (511, 511), "progress": None, "typed": False, "given": None}
BARE = {"lambda_start": 0.0, "lambda_min": 0.0}
ARGS = {"l_softmax": BARE, "sphereface": BARE}  # where the defaults cannot be drawn
SIDE = 32.0  # pixels, of the boxes that are moved
LENGTH = 2.0  # of the embeddings
QUALITY = 0.7  # of an object's box, where a loss wants to know it


class Curve(NamedTuple):
    """What is drawn of one loss: for every line its value and its derivative."""

    quantity: str  # what is varied, with its unit
    slope: str  # by what the derivative is taken, if not by the quantity
    x: Tensor  # [P], values of the quantity
    lines: dict[str, tuple[Tensor, Tensor]]  # label -> value [P], derivative [P]


def curve(role: str, name: str) -> Curve:
    """Curve of a member of a role with its default arguments."""
    return SWEEPS[role](name)


def _built(role: str, name: str) -> Callable:
    loss = build(role, name, given=GIVEN, **ARGS.get(name, {}))
    return loss.double().eval() if isinstance(loss, nn.Module) else loss


def _swept(function: Callable[[Tensor], Tensor], by: Tensor) -> tuple[Tensor, Tensor]:
    """Scalar function at every point of `by` [P] -> its value and derivative there, [P]."""
    pairs = [_at(function, point) for point in by]
    return torch.stack([value for value, _ in pairs]), torch.stack([slope for _, slope in pairs])


def _at(function: Callable[[Tensor], Tensor], point: Tensor) -> tuple[Tensor, Tensor]:
    point = point.clone().requires_grad_()
    value = function(point).sum()
    (slope,) = torch.autograd.grad(value, point, allow_unused=True) if value.requires_grad else (None,)
    return value.detach(), torch.zeros(()).double() if slope is None else slope


def _heatmap(name: str) -> Curve:
    """A map of two cells, a corner and a dark one; one is varied, the other all but right."""
    loss, target = _built("heatmap", name), torch.tensor([1.0, 0.0]).double().view(1, 1, 1, 2)
    return _two_sided(lambda logits: loss(logits.view(1, 1, 1, 2), target), "the cell")


def _classification(name: str) -> Curve:
    """Two anchors and one class: one of an object, one of the background."""
    loss, labels = _built("classification", name), torch.tensor([0, 1])
    if not takes(loss, "quality"):
        return _two_sided(lambda logits: loss(logits.view(2, 1), labels), "the anchor")
    quality = torch.tensor([QUALITY, 0]).double()
    return _two_sided(lambda logits: loss(logits.view(2, 1), labels, quality), "the anchor", f"of quality {QUALITY}")


def _two_sided(loss: Callable[[Tensor], Tensor], what: str, lit: str = "should be 1") -> Curve:
    p, sure = torch.linspace(0.01, 0.99, 99).double(), torch.tensor(math.log(99)).double()
    lines = {
        lit: _swept(lambda z: loss(torch.stack([z, -sure])), p.logit()),
        "should be 0": _swept(lambda z: loss(torch.stack([sure, z])), p.logit()),
    }
    return Curve(f"probability of {what}", " by the logit", p, lines)


def _offset(name: str) -> Curve:
    loss, error = _built("offset", name), torch.linspace(-2, 2, 101).double()
    true, mask = torch.zeros(1, 1, 2).double(), torch.ones(1, 1)
    lines = {"one object": _swept(lambda d: loss(torch.stack([d, d * 0]).view(1, 1, 2), true, mask), error)}
    return Curve("error of the offset, cells", "", error, lines)


def _box(name: str) -> Curve:
    """A box of 32 pixels that is as large as its target and slides to the right."""
    loss, shift = _built("box", name), torch.linspace(0.01, 2, 200).double()
    target = torch.tensor([[64.0, 64, 64 + SIDE, 64 + SIDE]]).double()

    def shifted(s: Tensor) -> Tensor:
        return loss(target + s * torch.tensor([SIDE, 0, SIDE, 0]).double(), target)

    return Curve("shift of the box, in widths", "", shift, {"box": _swept(shifted, shift)})


def _grouping(name: str) -> Curve:
    """Two objects: one's two tags part while the other's lie 1 away; or the objects part, each with tags alike."""
    loss, apart = _built("grouping", name), torch.linspace(0.01, 0.99, 99).double()
    tl = torch.tensor([[[0.0, 0.0], [8.0, 0.0]]]).double()
    points = {"tl_point": tl, "br_point": tl + 10} if takes_points(loss) else {}  # boxes 10 cells wide and high
    first, second = torch.eye(2).double().view(2, 1, 2, 1)
    shift = name == "half_sides"  # there a tag that is right is the same for both objects, half the size of the box
    right = torch.full((1, 2, 2), math.log(5)).double() if shift else second

    def total(tl_tag: Tensor, br_tag: Tensor) -> Tensor:
        return sum(loss(tl_tag, br_tag, torch.ones(1, 2), **points).values())

    lines = {"of one object": _swept(lambda x: total(right, right + x * first), apart)}
    if not shift:
        lines["of two objects"] = _swept(lambda x: total(x * second, x * second), apart)
    return Curve("distance between the tags", "", apart, lines)


def _feature(name: str) -> Curve:
    """An embedding of class 0 that turns away from its class, at right angles to class 1 throughout; or grows."""
    loss, ends = _built("feature", name), LENGTH * torch.eye(3).double()[[0, 2]]
    if hasattr(loss, "weight"):
        loss.weight.data = ends / LENGTH
    if hasattr(loss, "centers"):
        loss.centers.c.copy_(ends)
    pairs = not isinstance(loss, nn.Module)  # they need company: one row of each class

    def value(x: Tensor) -> Tensor:
        return loss(torch.cat([x[None], ends]), torch.tensor([0, 0, 1] if pairs else [0, -1, -1]))

    if name == "ring":
        length = torch.linspace(0.01, 3, 101).double()
        return Curve(
            "length of the embedding", "", length, {"row": _swept(lambda r: value(r * ends[0] / LENGTH), length)}
        )
    angle = torch.linspace(1, 179, 179).double()
    turned = _swept(lambda t: value(LENGTH * torch.stack([t.cos(), t.sin(), 0 * t])), angle.deg2rad())
    return Curve("angle to its class, degrees", " by radians", angle, {"row": turned})


SWEEPS = {
    "heatmap": _heatmap, "grouping": _grouping, "offset": _offset, "box": _box, "classification": _classification,
    "feature": _feature,
}  # fmt: skip


def samples(found: Curve, count: int = 5) -> Iterator[tuple[str, list[float], list[float], list[float]]]:
    """For every line: label, so many values of the quantity, the values there and the derivatives there."""
    at = torch.linspace(0, len(found.x) - 1, count).round().long()
    for label, (value, slope) in found.lines.items():
        yield label, found.x[at].tolist(), value[at].tolist(), slope[at].tolist()
