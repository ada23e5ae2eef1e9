"""From a name in a config to a loss: a member of the role by its name, anyone else's by its dotted path."""

import re
from collections.abc import Callable

from cornernet import registry
from cornernet.system.wording import kind

FORMER = re.compile(r"(cornernet\.losses\.grouping\.(centripetal\.)?)?centripetal")  # see config.renamed.GROUPING


def find(role: str, name: str, members: dict[str, Callable], typed: bool = False) -> Callable:
    """Name of a member, or dotted path, a member's too -> function or class; raises ValueError as `registry.find`."""
    if role == "grouping" and FORMER.fullmatch(str(name)):
        raise ValueError(
            f"grouping loss {name!r} is called half_sides now; all that CentripetalNet does is "
            "model.pairing.name=centripetal"
        )
    found = registry.own(registry.find(f"{role} loss", name, members, f"cornernet.losses.{role}", typed))
    if not callable(found):
        raise ValueError(f"{role} loss {name!r} is {kind(found, 'None')}, expected a function or a class")
    return found
