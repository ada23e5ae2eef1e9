"""The losses that a config names, built with what the detector knows, and their weights: as given, or as declared."""

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from cornernet.config import Component, Config, Losses, untyped
from cornernet.config.overrides import layer
from cornernet.losses import FACTORS, Several, build_from, declared, role_of

MAY_LACK = ("grouping", "feature")  # places that a detector of the package can do without


def asked(config: Config, roles: Sequence[str]) -> dict[str, Component]:
    """Those of these roles' losses that are not switched off, by role; those of loss.features by `feature_<name>`."""
    held = {role: getattr(config.loss, role) for role in roles}
    for loss in config.loss.features if "feature" in roles else ():
        name = f"feature_{loss.name.rpartition('.')[2]}"
        again = sum(re.fullmatch(rf"{re.escape(name)}(_\d+)?", other) is not None for other in held)
        held[f"{name}_{again + 1}" if again else name] = loss
    return {role: loss for role, loss in held.items() if loss.name != "none"}


def have_place(config: Config, roles: Sequence[str], gives: Mapping[str, Sequence[str]]) -> None:
    """Raise ValueError for an override that changes a loss that a detector of these roles does not have.

    gives: a loss's key -> overrides of which each gives a detector such a loss, told where it lacks one.
    """
    for text in config.overrides:
        for role in layer([text]).get("loss", ()) if text.startswith("loss") else ():
            if role.removesuffix("s") not in roles and getattr(config.loss, role) != getattr(Losses(), role):
                raise ValueError(f"{text}: {_lacking(config.model.detector, role, roles, gives)}")


def _lacking(kind: str, role: str, roles: Sequence[str], gives: Mapping[str, Sequence[str]]) -> str:
    """Detector, its roles and one that it lacks -> these in words, and what has such a loss."""
    ways = gives.get(role.removesuffix("s"), ())
    here = " with these settings" if any("model.detector=" not in way for way in ways) else ""
    told = f"; {' or '.join(ways)} has one" if ways else ""
    return f"the {kind} detector has no {role} loss{here}; it has {', '.join(roles)}{told}"


def build_losses(
    config: Config, roles: Sequence[str], num_classes: int, dim: int, progress: Tensor
) -> tuple[dict[str, Callable], dict[str, float]]:
    """Config, the detector's places and what it knows -> the losses by place, the weights by the names of `asked`.

    With loss.features the feature role has all of them, side by side. dim: length of a row of features; progress:
    `Detector.progress`. Raises ValueError, one sentence, for a loss that cannot be built or declares what cannot be, or
    that is switched off where there has to be one.
    """
    held = asked(config, roles)
    for role in roles:
        if role not in held and role not in MAY_LACK:
            raise ValueError(f"loss.{role}.name must be that of a loss; none is for {' and '.join(MAY_LACK)} alone")
    typed = not untyped(config, *(f"loss.{role}" for role in held), "loss.features")
    known = {"num_classes": num_classes, "image_size": tuple(config.data.input_size), "progress": progress}
    given = {term: {**known, "dim": dim} if role_of(term) == "feature" else known for term in held}
    given |= {"pair": {**known, "num_classes": 1}}
    given |= {"distribution": {**known, "num_classes": config.model.anchor.reg_max}}
    with torch.random.fork_rng(devices=[]):  # so that a network begins alike whatever its losses draw
        built = {
            term: build_from(role_of(term), held[term].name, held[term].args, given[term], typed)
            for term in sorted(held, key=lambda term: role_of(term) != "feature")  # they draw random numbers
        }
    own = {
        term: declared(role_of(term), built[term], f"{role_of(term)} loss {loss.name!r}").weight * FACTORS.get(term, 1)
        for term, loss in held.items()
    }
    if features := [term for term in built if term.startswith("feature_")]:
        both = [term for term in built if role_of(term) == "feature"]
        built["feature"] = Several({term: built[term] for term in both})
        built = {term: loss for term, loss in built.items() if term not in features}
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
