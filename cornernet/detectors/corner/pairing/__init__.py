"""How the corners of a box find each other, by name, `model.pairing.name`: what a corner says of its partner.

A way is one file; it defines what it is named after, a class whose other parameters are its arguments,
`model.pairing.args`:

    class bar:
        PLACES = ("grouping",)                     # keys of the section `loss` that it has a place for
        def __init__(self, width: int = 2, *, stride: int)

It is given those of these that it names: stride, of the maps in input pixels; tag_dim and kernel, of `model.head`;
tags, how loss.grouping reads its tags; points_at, where those point, or None; ae_threshold, `test.ae_threshold`. It
offers

    threshold                                      the largest distance of a pair
    branch(channels) -> nn.Module           corner-pooled features [B, channels, H, W] -> [B, D, H, W], what a corner
                                            says; one for each kind of corner of each stack
    loss(built) -> f or None                losses by place -> f(tl_said [B, M, D], br_said, mask [B, M], tl_point,
                                            br_point [B, M, 2] in cells) -> terms by name, not weighted yet
    distance(tl_points, br_points, tl_said, br_said) -> [B, K, K]
                                            of K corners of each kind, points [B, K, 2] in cells; inf where two are not
                                            of one box; of static shape, so that a graph can hold it
    arrows(tl_points, br_points) -> dict    may be left out: corners of the objects [..., 2] in cells -> for each title
                                            (starts, ends) of top-left and of bottom-right corners, which show_data
                                            draws: what a corner should say, from the code of its loss

The terms of a place bear its name; those of loss.grouping may have names of their own.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from torch import Tensor, nn

from cornernet import registry
from cornernet.arguments import accepted, bound
from cornernet.config import Config, untyped
from cornernet.detectors.corner.pairing import tags

PAIRINGS = registry.modules(__name__, __path__)
KIND = "way of pairing"
PLACES = ("grouping", "guiding", "shift", "size")  # that one may have
Terms = Callable[..., dict[str, Tensor]]


class Pairing(Protocol):
    """A way of pairing; see the module."""

    PLACES: tuple[str, ...]
    threshold: float

    def branch(self, channels: int) -> nn.Module:
        """Return what reads corner-pooled features [B, channels, H, W] and says [B, D, H, W]."""

    def loss(self, built: Mapping[str, Callable]) -> Terms | None:
        """Losses by place -> what compares what the corners of the objects say with the truth; None for nothing."""

    def distance(self, tl_points: Tensor, br_points: Tensor, tl_said: Tensor, br_said: Tensor) -> Tensor:
        """Corners of both kinds and what they say -> how far each two are from being of one box, [B, K, K]."""


def kind(config: Config) -> Any:
    """Config -> the class of its way of pairing.

    Raises ValueError, one sentence, for a name that is unknown or that nobody typed, and for what is no such class.
    """
    name, typed = config.model.pairing.name, not untyped(config, "model.pairing")
    found: Any = registry.own_class(_label(name), registry.find(KIND, name, PAIRINGS, __name__, typed), __name__)
    registry.offering(_label(name), found, ["PLACES"], __name__)
    if not isinstance(found.PLACES, (tuple, list)) or not set(found.PLACES) <= set(PLACES):
        raise ValueError(f"{_label(name)} must declare PLACES, some of {', '.join(PLACES)}, got {found.PLACES!r}")
    return found


def _label(name: str) -> str:
    return f"{KIND} {name!r}"


def build(config: Config, stride: int) -> Pairing:
    """Config, input pixels of a cell -> its way of pairing; raises ValueError, one sentence, for wrong arguments."""
    found, settings, head = kind(config), config.model.pairing, config.model.head
    tag_dim = 0 if config.loss.grouping.name == "none" else head.tag_dim
    known: dict[str, Any] = {
        "stride": stride,
        "tag_dim": tag_dim,
        "kernel": head.kernel,
        "ae_threshold": config.test.ae_threshold,
    }
    known = accepted(found, known)
    looked_up = {"tags": tags.pair_distance, "points_at": tags.points_at}  # where a way asks for them
    known |= {name: looked_up[name](config) for name in accepted(found, dict.fromkeys(looked_up))}
    label = _label(settings.name)
    made = cast(Pairing, bound(label, found, settings.args, known, called=None))
    registry.offering(label, made, ("branch", "loss", "distance", "threshold"), __name__)
    if not isinstance(made.threshold, (int, float)) or math.isnan(made.threshold):
        raise ValueError(f"{label} must have a number as its threshold, got {made.threshold!r}")
    return made


def places(config: Config) -> tuple[str, ...]:
    """Config -> the keys of the section `loss` that its way of pairing has a place for."""
    return tuple(kind(config).PLACES)


def ways(place: str) -> tuple[str, ...]:
    """Key of the section `loss` -> overrides that choose the ways of pairing that have a place for it."""
    own = {name: registry.own(file) for name, file in PAIRINGS.items()}
    return tuple(f"model.pairing.name={name}" for name, way in own.items() if place in way.PLACES)
