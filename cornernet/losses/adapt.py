"""Fits losses from elsewhere, such as torch.nn.L1Loss, into the roles of the corner detector."""

import copy
import functools
import inspect
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from cornernet.losses.reduce import at_least_float32, occupied, per_object, per_positive


class PerPositive(nn.Module):
    """A heatmap loss with a `reduction`, summed over the cells and divided by the cells equal to 1."""

    def __init__(self, loss: Callable, reduction: str) -> None:
        super().__init__()
        self.loss, self.reduction = loss, reduction

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits and target [B, C, H, W] -> scalar."""
        value = self.loss(at_least_float32(logits), at_least_float32(target))
        return per_positive(_summed(value, self.reduction, logits), target)


class OfProbabilities:
    """A heatmap loss as in the published code: of a list of probability maps, one a stack, and their one target.

    No module, since the loss that it is around is one of AELoss by itself.
    """

    def __init__(self, loss: Callable) -> None:
        self.loss = loss

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits of one stack and target [B, C, H, W] -> scalar."""
        return self.together([logits], target)

    def together(self, stacks: Sequence[Tensor], target: Tensor) -> Tensor:
        """Logits of every stack and target [B, C, H, W] -> scalar; probabilities are kept in [1e-4, 1 - 1e-4]."""
        return self.loss([_unsure(at_least_float32(logits).sigmoid()) for logits in stacks], at_least_float32(target))


class PerObject(nn.Module):
    """An offset loss that takes no mask, on the slots with objects: the others are 0 on both sides."""

    def __init__(self, loss: Callable, reduction: str) -> None:
        super().__init__()
        self.loss, self.reduction = loss, reduction

    def forward(self, pred: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        """Offsets [B, M, 2], mask [B, M] -> scalar."""
        value = self.loss(occupied(pred, mask), occupied(target, mask))
        return per_object(_summed(value, self.reduction, pred), mask)


def heatmap(loss: Callable) -> Callable[[Tensor, Tensor], Tensor]:
    """Any loss of logits and target -> one that obeys the heatmap role, see `cornernet.losses.heatmap`.

    So does one of the published code's shape, `OfProbabilities`.
    """
    if isinstance(loss, PerPositive):
        return loss
    reduction = _reduction(loss)
    if reduction is not None:
        return PerPositive(loss, reduction)
    return OfProbabilities(loss) if takes_list(loss) else loss


def takes_list(loss: Callable) -> bool:
    """Whether a heatmap loss takes a list of maps where the role has a tensor; what does not name it is tried."""
    if takes(loss, "logits"):
        return False
    maps, target = torch.full((1, 1, 2, 2), 0.5, device="cpu"), torch.eye(2, device="cpu")[None, None]
    try:
        with torch.no_grad():
            value = copy.deepcopy(loss)([maps], target)  # a copy, for it may count its calls
    except Exception:  # a function of tensors may fail in any way on a list
        return False
    return isinstance(value, Tensor)


def offset(loss: Callable) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Any loss of prediction, target and perhaps mask -> one that obeys the role, see `cornernet.losses.offset`."""
    return loss if _takes_mask(loss) else PerObject(loss, _reduction(loss) or "mean")


def takes_points(loss: Callable) -> bool:
    """Whether a grouping loss wants to know where the corners are."""
    return takes(loss, "tl_point", "br_point")


def takes(loss: Callable, *names: str) -> bool:
    """Whether a loss that is built names these when it is called."""
    try:
        return set(names) <= {p.name for p in _parameters(loss)}
    except ValueError:
        return False


def per_image(loss: Callable) -> bool:
    """Whether a heatmap loss divides by images, not by corners."""
    return getattr(loss.func if isinstance(loss, functools.partial) else loss, "per_image", False)


def _parameters(loss: Callable) -> list[inspect.Parameter]:
    """What a loss is called with: the parameters of the function or of the module's forward.

    Raises ValueError for one written in C, which does not tell.
    """
    called = loss.forward if isinstance(loss, nn.Module) else loss
    try:
        return list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):
        name = getattr(getattr(called, "func", called), "__name__", "it")
        raise ValueError(f"{name} is written in C and does not say what it takes; wrap it in a function") from None


def _takes_mask(loss: Callable) -> bool:
    """A third parameter that is called mask or has no default; torch's functions have size_average there."""
    found = _parameters(loss)
    if any(p.kind is p.VAR_POSITIONAL or p.name == "mask" for p in found):
        return True
    required = [p for p in found if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(required) > 2


def _reduction(loss: Callable) -> str | None:
    """The `reduction` of a torch-like loss, None if it knows of none."""
    if isinstance(loss, nn.Module):
        return getattr(loss, "reduction", None)
    return next((p.default for p in _parameters(loss) if p.name == "reduction"), None)


def _unsure(p: Tensor) -> Tensor:
    """Keep probabilities in [1e-4, 1 - 1e-4]; none at an edge has a gradient, in which versions of torch differ."""
    kept = p.detach().clamp(1e-4, 1 - 1e-4)
    return torch.where((p > 1e-4) & (p < 1 - 1e-4), p, kept)


def _summed(value: Tensor, reduction: str, like: Tensor) -> Tensor:
    return value * like.numel() if reduction == "mean" and value.dim() == 0 else value.sum()
