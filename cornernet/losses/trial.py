"""A loss from elsewhere on a few made-up predictions: what would be nonsense in its role, whatever its shapes, is told.

A loss may have the right shapes and teach the wrong thing: torch.nn.CrossEntropyLoss takes offsets for logits and gives
a number. So it is asked what every loss of a role must answer alike: what is wrong costs more than what is right, what
holds no object costs nothing, and there is a gradient.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.losses import adapt
from cornernet.losses.labels import IGNORED
from cornernet.losses.several import by_name

LABELS = {
    "classification": "its labels are classes from 0, the number of classes for background, -1 for what is ignored",
    "feature": "its labels are classes from 0, -1 for rows that hold nothing",
}
SLACK = 1e-5  # relative, of what should cost the same


class Case(NamedTuple):
    """A prediction, and what is said where it does not cost what it must beside the right one."""

    prediction: Tensor
    words: str


class Trial(NamedTuple):
    """What a loss is asked: its value of a prediction, the right one, worse ones and some that must cost the same."""

    value: Callable[[Tensor], Tensor]
    right: Tensor
    dearer: Sequence[Case] = ()  # than the right one
    not_cheaper: Sequence[Case] = ()
    same: Sequence[Case] = ()


def unfit(role: str, loss: Callable, num_classes: int, dim: int = 1) -> str:
    """Built loss -> why it makes no sense in the role, without a full stop, or "".

    dim: numbers of a tag or of an embedding. Raises what the loss raises, and ValueError for a result of another shape.
    """
    trial = ASKED[role](loss, num_classes, dim)
    right = _number(trial.value(trial.right))
    slack = SLACK * max(1.0, abs(right))
    for cases, fits in (
        (trial.dearer, lambda value: value > right + slack),
        (trial.not_cheaper, lambda value: value >= right - slack),
        (trial.same, lambda value: abs(value - right) <= slack),
    ):
        for prediction, words in cases:
            value = _number(trial.value(prediction))
            if not fits(value):
                return f"{words} ({value:.3g} beside {right:.3g})"
    return _without_gradient(trial)


def raised(role: str, error: Exception) -> str:
    """What a loss raised -> its words; of a label that is none of its, as torch's say it, what labels there are."""
    words = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return f"{words.rstrip('.')}; {LABELS[role]}" if isinstance(error, IndexError) and role in LABELS else words


def _without_gradient(trial: Trial) -> str:
    noise = torch.rand(trial.right.shape, generator=torch.Generator().manual_seed(0))
    x = (trial.right + noise).requires_grad_()
    value = trial.value(x)
    if not value.requires_grad:
        return "it has no gradient"
    (slope,) = torch.autograd.grad(value, x, allow_unused=True)
    if slope is None or not slope.any():
        return "it has no gradient"
    return "" if slope.isfinite().all() else "its gradient is not finite"


def _number(value: Tensor) -> float:
    """Scalar -> the same without its gradient, of which torch would warn."""
    return float(value.detach())


def _scalar(value: Tensor) -> Tensor:
    if value.dim():
        raise ValueError(f"it must give one number, got a tensor of shape {list(value.shape)}")
    return value


def _changed(x: Tensor, place: tuple, value: Tensor | float) -> Tensor:
    x = x.clone()
    x[place] = value
    return x


def _heatmap(loss: Callable, num_classes: int, dim: int) -> Trial:
    loss, target = adapt.heatmap(loss), torch.zeros(2, num_classes, 5, 6)
    target[0, 0, 1, 2] = target[1, -1, 3, 4] = 1
    target[0, 0, 1, 3] = 0.6
    right = torch.where(target == 1, 2.0, -1.0)
    dearer = [
        Case(_changed(right, (0, 0, 1, 2), -1), "a corner that is missed costs no more than one that is found"),
        Case(_changed(right, (0, 0, 4, 5), 2), "a corner found where there is none costs no more than none"),
    ]
    return Trial(lambda x: _scalar(loss(x, target)), right, dearer)


def _offset(loss: Callable, num_classes: int, dim: int) -> Trial:
    loss, mask = adapt.offset(loss), torch.tensor([[True, True, False], [True, False, False]])
    target = torch.tensor([0.1, 0.9, 0.4, 0.3, 0.7, 0.2, 0.5, 0.6, 0.8, 0.0, 0.25, 0.75]).view(2, 3, 2)
    places = [(b, m, axis) for b, m in mask.nonzero().tolist() for axis in (0, 1)]
    words = "a wrong offset costs no more than the true one"
    dearer = [Case(_changed(target, p, target[p] + by), words) for p in places for by in (-0.5, 0.5)]
    same = [Case(_changed(target, (0, 2), 0.9), "slots without an object count")]
    return Trial(lambda x: _scalar(loss(x, target, mask)), target, dearer, same=same)


def _box(loss: Callable, num_classes: int, dim: int) -> Trial:
    target = torch.tensor([[2.0, 3, 10, 12], [20, 5, 26, 25], [0, 0, 30, 30], [5, 5, 9, 9], [7, 2, 11, 31]])
    words = "a wrong box costs no more than the true one"
    dearer = [Case(_changed(target, (..., k), target[:, k] + by), words) for k in range(4) for by in (-1.0, 1.0)]
    return Trial(lambda x: _rows(loss(x, target), x), target, dearer)


def _classification(loss: Callable, num_classes: int, dim: int) -> Trial:
    labels = torch.tensor([0, num_classes - 1, num_classes, IGNORED, 0, num_classes, IGNORED])
    hot = labels[:, None] == torch.arange(num_classes)
    right, quality = torch.where(hot, 2.0, -2.0), 0.7 * ((labels >= 0) & (labels < num_classes))
    named = {"quality": quality} if adapt.takes(loss, "quality") else {}
    not_cheaper = [
        Case(
            _changed(right, (0,), right[0].roll(1) if num_classes > 1 else -2), "a wrong class costs less than its own"
        ),
        Case(_changed(right, (2, 0), 2), "background taken for a class costs less than background"),
    ]
    same = [Case(_changed(right, (3, 0), 2), f"rows labelled {IGNORED}, which are to be ignored, count")]
    return Trial(lambda x: _rows(loss(x, labels, **named), x), right, not_cheaper=not_cheaper, same=same)


def _rows(value: Tensor, rows: Tensor) -> Tensor:
    """What a loss gave of rows [N, K], [N] or [N, K] -> its sum; raises ValueError for anything else."""
    if value.shape not in (rows.shape, rows.shape[:1]):
        shapes = f"[{len(rows)}] or {list(rows.shape)} of {len(rows)} rows, got {list(value.shape)}"
        raise ValueError(f"it must give a value a row, {shapes}; torch's losses do with args.reduction=none")
    return value.sum()


def _grouping(loss: Callable, num_classes: int, dim: int) -> Trial:
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    tags = torch.tensor([0.0, 1, 2, 5]).view(1, 4, 1).expand(2, 4, dim)
    right, swapped = torch.stack([tags, tags]), torch.stack([tags, tags[:, [1, 2, 0, 3]]])
    corner = torch.arange(4.0).view(1, 4, 1).expand(2, 4, 2)
    points = {"tl_point": corner, "br_point": corner + 2} if adapt.takes_points(loss) else {}

    def value(x: Tensor) -> Tensor:
        return sum(map(_scalar, by_name("grouping", loss(x[0], x[1], mask, **points)).values()), torch.zeros(()))

    # what is right for a loss that looks at the points is its own affair
    cheaper = (
        [] if points else [Case(swapped, "corners of two objects with one tag cost less than those of one object")]
    )
    same = [Case(_changed(right, (0, 0, 3), 2), "slots without an object count")]
    return Trial(value, right, not_cheaper=cheaper, same=same)


def _feature(loss: Callable, num_classes: int, dim: int) -> Trial:
    labels = torch.tensor([0, num_classes - 1, 0, num_classes - 1, -1, 0, num_classes - 1])
    x = torch.rand(7, dim, generator=torch.Generator().manual_seed(0))
    nothing = _number(_scalar(loss(x, torch.full_like(labels, -1))))
    if not nothing - nothing == 0:
        raise ValueError(f"it must be finite in a batch without objects, got {nothing}")
    same = [Case(_changed(x, (4,), -x[4]), "rows labelled -1, which hold nothing, count")]
    return Trial(lambda x: _scalar(loss(x, labels)), x, same=same)


ASKED = {
    "heatmap": _heatmap, "offset": _offset, "box": _box, "classification": _classification, "grouping": _grouping,
    "feature": _feature,
}  # fmt: skip
