"""Members of an unreduced role as functions of torchvision's shape: two tensors, `reduction`, then their arguments."""

import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor


def reducing(name: str, loss: Callable) -> Callable[..., Tensor]:
    """Name to give, member -> function(boxes1, boxes2, reduction="none", eps, **args) -> [N] or scalar.

    A member that is a class is made anew at every call; keep an object of your own where it has a state.
    """

    def call(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", *args: Any, **options: Any) -> Tensor:
        if isinstance(loss, type):
            return reduced(loss(*args, **options)(boxes1, boxes2), reduction)
        return reduced(loss(boxes1, boxes2, *args, **options), reduction)

    own = [p for p in inspect.signature(loss).parameters.values() if p.name not in ("boxes1", "boxes2")]
    three = list(inspect.signature(call).parameters.values())[:3]
    call.__signature__ = inspect.Signature([*three, *own])  # what help() and an editor show
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`reduction` is none, mean or sum, the mean of nothing 0; then the arguments of:\n\n{loss.__doc__}"
    return call


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """[N] -> [N] for "none", scalar for "mean" (0 if there is nothing) and "sum"; ValueError for anything else."""
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.sum() / max(loss.numel(), 1)
    if reduction == "sum":
        return loss.sum()
    raise ValueError(f"reduction must be one of none, mean, sum, got {reduction!r}")
