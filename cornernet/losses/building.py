"""The way from a role, a name and arguments to a loss. The dicts are filled by the roles' folders, at the door."""

from collections.abc import Callable
from typing import Any

from cornernet.losses.arguments import accepted, bound
from cornernet.losses.lookup import find

INPUTS = {"heatmap": 2, "grouping": 3, "offset": 3, "box": 2, "classification": 2, "feature": 2}  # tensors by position
ROLES: dict[str, dict[str, Callable]] = {role: {} for role in INPUTS}  # name -> loss


def build(role: str, name: str, /, given: dict[str, Any] | None = None, **args: Any) -> Callable:
    """Role, name of a member or dotted path, arguments -> what the role calls, a partial or an instance.

    given: what the detector knows, such as num_classes; the loss gets those of them that it names, and a config may not
    set them. What you write here counts as typed by the user: a dotted path is imported and called. Raises ValueError,
    one sentence, for an unknown role or name and an unknown, missing or mistyped argument.
    """
    return build_from(role, name, args, given, typed=True)


def build_from(
    role: str, name: str, args: dict[str, Any], given: dict[str, Any] | None = None, typed: bool = False
) -> Callable:
    """Do the same with names and arguments of a config, which are refused where they are dotted paths nobody typed."""
    if role not in ROLES:
        raise ValueError(f"there is no role {role!r} for a loss; there are {', '.join(ROLES)}")
    label, loss = f"{role} loss {name!r}", find(role, name, ROLES[role], typed)
    taken = accepted(loss, {**(given or {}), **({"typed": typed} if name in ROLES[role] else {})})
    if taken.get("num_classes") == 1:
        raise ValueError(f"{label} tells classes apart, and there is only one")
    return bound(label, loss, INPUTS[role], args, taken)
