"""From a name in a config to a loss: a member of the role by its name, anyone else's by its dotted path."""

from collections.abc import Callable

from cornernet import registry
from cornernet.config.renamed import GROUPING
from cornernet.system.wording import kind


def find(role: str, name: str, members: dict[str, Callable], typed: bool = False) -> Callable:
    """Name of a member, or dotted path, a member's too -> function or class; raises ValueError as `registry.find`."""
    if role == "grouping" and (now := GROUPING.get(str(name))):
        raise ValueError(
            f"grouping loss {name!r} is called {now} now; all that CentripetalNet does is "
            "model.pairing.name=centripetal"
        )
    found = registry.own(registry.find(f"{role} loss", name, members, f"cornernet.losses.{role}", typed))
    if not callable(found):
        raise ValueError(f"{role} loss {name!r} is {kind(found, 'None')}, expected a function or a class")
    return found
