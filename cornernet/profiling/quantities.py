"""What of a training step can be varied, by which values, and what the config then is."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from cornernet import config, detectors
from cornernet.config import Config
from cornernet.profiling.training_step import CLASSES, OBJECTS


class Point(NamedTuple):
    """What one process measures."""

    shown: str
    value: float  # what the cost is fitted against
    overrides: tuple[str, ...] = ()  # of the config
    classes: int = CLASSES
    objects: int = OBJECTS


class Quantity(NamedTuple):
    """What can be varied."""

    title: str
    own: Callable[..., list[str]]  # config -> values around its own
    point: Callable[[str], Point]  # value as typed -> what is measured; raises ValueError


def whole(name: str, text: str) -> int:
    """Text -> whole number of at least 1; raises ValueError naming the quantity."""
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"values of {name} must be whole numbers of at least 1, got {text!r}")
    return int(text)


def _size(text: str) -> Point:
    sides = [whole("size", side) for side in text.lower().split("x")]
    if len(sides) > 2:
        raise ValueError(f"values of size must be sides such as 256 or heights and widths such as 192x256, got {text}")
    height, width = sides[0], sides[-1]
    return Point(f"{height}x{width}", height * width, (f"data.input_size=[{height},{width}]",))


def _sizes(settings: Config) -> list[str]:
    """Half to five quarters of the config's own, as the network takes them."""
    free = config.override(settings, ["data.augment.crop=true"])  # else no size below the config's is offered
    with torch.device("meta"):
        detector = detectors.build(free, CLASSES)
    sides = [[int(side * share) for side in settings.data.input_size] for share in (0.5, 0.75, 1, 1.25)]
    return ["{}x{}".format(*detector.fit_size(*pair)) for pair in sides]


def _classes(text: str) -> Point:
    return Point(text, whole("classes", text), classes=int(text))


def _objects(text: str) -> Point:
    return Point(text, whole("objects", text), (f"data.max_objects={int(text)}",), objects=int(text))


def _stacks(text: str) -> Point:
    return Point(text, whole("stacks", text), (f"model.backbone.stacks={int(text)}",))


def _batch(text: str) -> Point:
    return Point(text, whole("batch", text), (f"train.batch_size={int(text)}",))


def _around(own: int) -> list[str]:
    """A quarter of it, a half, itself and twice as much; next to 1, where there are no halves, 1, 2 and 3."""
    return ["1", "2", "3"] if own < 3 else [str(n) for n in sorted({max(1, own // 4), own // 2, own, 2 * own})]


QUANTITIES = {
    "size": Quantity("size (fitted: its pixels)", _sizes, _size),
    "classes": Quantity("classes", lambda settings: ["20", "80", "320"], _classes),
    "objects": Quantity("objects a picture", lambda settings: ["8", "64", "512"], _objects),
    "stacks": Quantity("stacks", lambda settings: ["1", "2", "3"], _stacks),
    "batch": Quantity("pictures a step", lambda settings: _around(settings.train.batch_size), _batch),
}
