"""What a loss declares beside its formula: its weight, the space it compares in, how its tags are read when decoding.

Constants WEIGHT and SPACE and functions pair_distance and points_at, in the file of the loss or on the loss itself,
which goes first; what each role asks for stands in its folder's `__init__`.
"""

import functools
import inspect
import math
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from torch import Tensor

from cornernet.ops.tags import by_tags
from cornernet.system.wording import kind

PairDistance = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
PointsAt = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
NEEDS = {"grouping": ("WEIGHT", "pair_distance"), "box": ("WEIGHT", "SPACE")}  # of a file of the package
SPACES = ("boxes", "deltas")
WEIGHT = {"grouping": 0.5, "feature": 0.1}  # where a loss from elsewhere declares none; 1 in other roles


class Declared(NamedTuple):
    """What one loss declares."""

    weight: float
    space: str | None  # None: it does not say
    pair_distance: PairDistance
    points_at: PointsAt | None  # None: tags point nowhere


def declared(role: str, loss: Callable, label: str) -> Declared:
    """A loss, built or not -> Declared; raises ValueError, one sentence with the label, for what cannot be."""
    weight, space = _read(loss, "WEIGHT", WEIGHT.get(role, 1.0)), _read(loss, "SPACE") if role == "box" else None
    distance = _read(loss, "pair_distance", by_tags) if role == "grouping" else by_tags
    if type(weight) not in (int, float) or not 0 <= weight < math.inf:
        raise ValueError(f"{label} declares WEIGHT = {weight!r}, expected a number of at least 0")
    if space not in (*SPACES, None):
        raise ValueError(f"{label} declares SPACE = {space!r}, expected {' or '.join(map(repr, SPACES))}")
    points_at = _read(loss, "points_at") if role == "grouping" else None
    for name, function in {"pair_distance": distance, "points_at": points_at}.items():
        if not (callable(function) or (name == "points_at" and function is None)):
            raise ValueError(f"{label} declares a {name} that cannot be called, {kind(function, 'None')}")
    return Declared(weight, space, distance, points_at)


def check_file(role: str, file: ModuleType, path: str) -> None:
    """Raise ImportError for a file of the package that does not declare what its role asks for, or wrongly."""
    for name in NEEDS.get(role, ("WEIGHT",)):
        if not hasattr(file, name):
            raise ImportError(f"{path} must declare {name}, see cornernet/losses/{role}/__init__.py")
    try:
        declared(role, getattr(file, file.__name__.rpartition(".")[2]), path)
    except ValueError as error:
        raise ImportError(str(error)) from None


def _read(loss: Callable, name: str, otherwise: Any = None) -> Any:
    return next((getattr(source, name) for source in _sources(loss) if hasattr(source, name)), otherwise)


def _sources(loss: Callable) -> Iterator[Any]:
    """Where a loss may declare something: on itself, on what it is a partial of, in the file that defines it."""
    while isinstance(loss, functools.partial):
        yield loss
        loss = loss.func
    yield loss
    made = loss if inspect.isroutine(loss) or isinstance(loss, type) else type(loss)
    yield sys.modules.get(getattr(made, "__module__", None) or "")
