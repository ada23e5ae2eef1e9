"""The losses that a config names, built with what the detector knows, and their weights: as given, or as declared."""

import re
from collections.abc import Callable, Sequence

from torch import Tensor

from cornernet.config import Component, Config, Losses, untyped
from cornernet.losses import build_from, declared, role_of


def asked(config: Config, roles: Sequence[str]) -> dict[str, Component]:
    """Those of these roles' losses that are not switched off, by role."""
    return {role: loss for role in roles if (loss := getattr(config.loss, role)).name != "none"}


def have_place(config: Config, roles: Sequence[str]) -> None:
    """Raise ValueError for an override that changes a loss that a detector of these roles does not have."""
    for text in config.overrides:
        role = re.match(r"loss(?:\.|=\s*\{\s*)(\w+)", text)
        if role and role[1] not in roles and getattr(config.loss, role[1]) != getattr(Losses(), role[1]):
            kind = config.model.detector
            raise ValueError(f"{text}: the {kind} detector has no {role[1]} loss; it has {', '.join(roles)}")


def build_losses(
    config: Config, roles: Sequence[str], num_classes: int, dim: int, progress: Tensor
) -> tuple[dict[str, Callable], dict[str, float]]:
    """Config, the detector's places of losses and what it knows -> the losses and their weights, both by place.

    dim: length of a row of features; progress: `Detector.progress`. Raises ValueError, one sentence, for a loss that
    cannot be built or declares what cannot be.
    """
    held = asked(config, roles)
    typed = not untyped(config, *(f"loss.{role}" for role in held))
    known = {"num_classes": num_classes, "image_size": tuple(config.data.input_size), "progress": progress}
    given = {role: {**known, "dim": dim} if role == "feature" else known for role in held}
    given |= {"pair": {**known, "num_classes": 1}}
    built = {
        role: build_from(role_of(role), held[role].name, held[role].args, given[role], typed)
        for role in sorted(held, key=lambda role: role != "feature")  # it draws random numbers
    }
    own = {
        role: declared(role_of(role), built[role], f"{role} loss {loss.name!r}").weight for role, loss in held.items()
    }
    return built, {role: own[role] if loss.weight is None else loss.weight for role, loss in held.items()}


def one_each(role: str, loss: Tensor, count: int) -> Tensor:
    """What a loss gave, [N] or [N, K] summed -> [N]; raises ValueError for anything else."""
    if loss.dim() == 2 and len(loss) == count:
        return loss.sum(1)
    if loss.shape != (count,):
        raise ValueError(
            f"a {role} loss gives one value for each of its {count} rows, got a tensor of shape {list(loss.shape)}; "
            "torch's losses do with args.reduction=none"
        )
    return loss
