"""The box losses as functions of torchvision's shape: two tensors, `reduction`, then their arguments.

They are made from the folder, so that a new loss is one file. functional.pyi lists them for editors and type checkers;
tools/document_losses.py writes it, and a test holds it to the folder.
"""

import inspect
from collections.abc import Callable
from typing import Any, Literal

from torch import Tensor

from cornernet.losses import box

Reduction = Literal["none", "mean", "sum"]


def reducing(name: str, loss: Callable) -> Callable[..., Tensor]:
    """Name to give, member -> function(boxes1, boxes2, reduction="none", eps, **args) -> [N] or scalar.

    A member that is a class is made anew at every call; keep an object of your own where it has a state.
    """

    def call(boxes1: Tensor, boxes2: Tensor, reduction: Reduction = "none", *args: Any, **options: Any) -> Tensor:
        if isinstance(loss, type):
            return reduced(loss(*args, **options)(boxes1, boxes2), reduction)
        return reduced(loss(boxes1, boxes2, *args, **options), reduction)

    own = [p for p in inspect.signature(loss).parameters.values() if p.name not in ("boxes1", "boxes2")]
    three = list(inspect.signature(call).parameters.values())[:3]
    call.__signature__ = inspect.Signature([*three, *own], return_annotation=Tensor)  # type: ignore[attr-defined]
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`reduction` is none, mean or sum, the mean of nothing 0; then the arguments of:\n\n{loss.__doc__}"
    return call


def reduced(loss: Tensor, reduction: Reduction) -> Tensor:
    """[N] -> [N] for "none", scalar for "mean" (0 if there is nothing) and "sum"; ValueError for anything else."""
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.sum() / max(loss.numel(), 1)
    if reduction == "sum":
        return loss.sum()
    raise ValueError(f"reduction must be one of none, mean, sum, got {reduction!r}")


FUNCTIONS = {f"{name}_loss": reducing(f"{name}_loss", loss) for name, loss in box.LOSSES.items()}
__all__ = list(FUNCTIONS)  # all of them, and they alone
globals().update(FUNCTIONS)
