"""The way from a role, a name and arguments to a loss. The dicts are filled by the roles' folders, at the door."""

from collections.abc import Callable
from typing import Any

from cornernet.arguments import accepted, bound
from cornernet.losses.declarations import Declared, declared
from cornernet.losses.lookup import find

INPUTS = {"heatmap": 2, "grouping": 3, "offset": 3, "box": 2, "classification": 2, "feature": 2}  # tensors by position
CALLED = {"tl_point", "br_point", "quality"}  # what the detector knows anew at every step, given where it is named
# keys of the config's section `loss` that are not the name of their role
PLACES = {
    **dict.fromkeys(("centre", "attention", "verify"), "heatmap"),
    **dict.fromkeys(("guiding", "shift", "size"), "offset"),
    **dict.fromkeys(("pair", "distribution"), "classification"),
}
ROLES: dict[str, dict[str, Callable]] = {role: {} for role in INPUTS}  # name -> loss
# what the weight of a loss is multiplied with in a place where the config gives none
FACTORS = {
    "distribution": 0.25,  # Li et al.: Generalized Focal Loss, 2020, arXiv 2006.04388
    "guiding": 0.05,  # Dong et al.: CentripetalNet, 2020, arXiv 2003.09119
    "verify": 0.25,  # Chen et al.: RepPoints v2, 2020, arXiv 2007.08508
}


def role_of(place: str) -> str:
    """Key of the config's section `loss`, or a name of one of loss.features, -> the role of what stands there."""
    return "feature" if place.startswith("feature_") else PLACES.get(place, place)


def build(role: str, name: str, /, given: dict[str, Any] | None = None, **args: Any) -> Callable:
    """Role, name of a member or dotted path, arguments -> what the role calls, a partial or an instance.

    given: what the detector knows; the loss gets those of them that it names, and a config may not set them:
    num_classes, image_size (height, width of the input), progress (0-dim tensor, the share of the training that is
    done, changed in place) and, of the feature role, dim. What you write here counts as typed by the user: a dotted
    path is imported and called. Raises ValueError, one sentence, for an unknown role or name and an unknown, missing or
    mistyped argument.
    """
    return build_from(role, name, args, given, typed=True)


def build_from(
    role: str, name: str, args: dict[str, Any], given: dict[str, Any] | None = None, typed: bool = False
) -> Callable:
    """Do the same with names and arguments of a config, which are refused where they are dotted paths nobody typed."""
    if role not in ROLES:
        raise ValueError(f"there is no role {role!r} for a loss; there are {', '.join(ROLES)}")
    label, loss = f"{role} loss {name!r}", find(role, name, ROLES[role], typed)
    ours = {"typed": typed, "given": given} if loss in ROLES[role].values() else {}
    taken = accepted(loss, {**(given or {}), **ours})
    if role == "feature" and taken.get("num_classes") == 1:
        raise ValueError(f"{label} tells classes apart, and there is only one")
    return bound(label, loss, args, taken, INPUTS[role], CALLED)


def default_weight(role: str, name: str, given: float | None = None) -> float:
    """Role and name, or dotted path, of a loss -> factor of its term in the total: the one given if there is one.

    Else what the loss declares; a dotted path is imported for that, as by `build`.
    """
    return declared_of(role, name, typed=True).weight if given is None else given


def declared_of(role: str, name: str, typed: bool = False) -> Declared:
    """Role and name of a loss -> what it declares before it is built; raises ValueError as `build_from` does."""
    return declared(role, find(role, name, ROLES[role], typed), f"{role} loss {name!r}")
