"""What of a training step can be varied, by which values, and what the config then is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from cornernet import detectors
from cornernet.config import Config
from cornernet.profiling.training_step import CLASSES, OBJECTS


class Point(NamedTuple):
    """What one process measures."""

    shown: str
    value: float  # what the cost is fitted against
    settings: Config
    classes: int = CLASSES
    objects: int = OBJECTS


class Quantity(NamedTuple):
    """What can be varied."""

    title: str
    own: Callable[..., list[str]]  # config -> values around its own
    point: Callable[[Config, str], Point]  # config, value as typed -> what is measured; raises ValueError


def whole(name: str, text: str) -> int:
    """Text -> whole number of at least 1; raises ValueError naming the quantity."""
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"values of {name} must be whole numbers of at least 1, got {text!r}")
    return int(text)


def with_train(settings: Config, **changed: Any) -> Config:
    """Config with other values of its section `train`."""
    return replace(settings, train=replace(settings.train, **changed))


def _with_data(settings: Config, **changed: Any) -> Config:
    return replace(settings, data=replace(settings.data, **changed))


def _size(settings: Config, text: str) -> Point:
    sides = [whole("size", side) for side in text.lower().split("x")]
    if len(sides) > 2:
        raise ValueError(f"values of size must be sides such as 256 or heights and widths such as 192x256, got {text}")
    height, width = sides[0], sides[-1]
    return Point(f"{height}x{width}", height * width, _with_data(settings, input_size=(height, width)))


def _sizes(settings: Config) -> list[str]:
    """Half to five quarters of the config's own, as the network takes them."""
    # where whole images are fitted no size below the config's would be offered
    free = _with_data(settings, transforms={})
    with torch.device("meta"):
        detector = detectors.build(free, CLASSES)
    sides = [[int(side * share) for side in settings.data.input_size] for share in (0.5, 0.75, 1, 1.25)]
    return ["{}x{}".format(*detector.fit_size(*pair)) for pair in sides]


def _classes(settings: Config, text: str) -> Point:
    return Point(text, whole("classes", text), settings, classes=int(text))


def _objects(settings: Config, text: str) -> Point:
    count = whole("objects", text)
    return Point(text, count, _with_data(settings, max_objects=count), objects=count)


def _stacks(settings: Config, text: str) -> Point:
    backbone = replace(settings.model.backbone, stacks=whole("stacks", text))
    return Point(text, backbone.stacks, replace(settings, model=replace(settings.model, backbone=backbone)))


def _batch(settings: Config, text: str) -> Point:
    count = whole("batch", text)
    return Point(text, count, with_train(settings, batch_size=count))


def _around(own: int) -> list[str]:
    """A quarter of it, a half, itself and twice as much; next to 1, where there are no halves, 1, 2 and 3."""
    return ["1", "2", "3"] if own < 3 else [str(n) for n in sorted({max(1, own // 4), own // 2, own, 2 * own})]


QUANTITIES = {
    "size": Quantity("size (fitted: its pixels)", _sizes, _size),
    "classes": Quantity("classes", lambda settings: ["20", "80", "320"], _classes),
    "objects": Quantity("objects an image", lambda settings: ["8", "64", "512"], _objects),
    "stacks": Quantity("stacks", lambda settings: ["1", "2", "3"], _stacks),
    "batch": Quantity("images a step", lambda settings: _around(settings.train.batch_size), _batch),
}
