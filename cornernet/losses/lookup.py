"""From a name in a config to a loss: a member of the role by its name, anyone else's by its dotted path."""

import difflib
import importlib
from collections.abc import Callable


def find(role: str, name: str, members: dict[str, Callable], typed: bool = False) -> Callable:
    """Name of a member, or dotted path, a member's too -> function or class; raises ValueError with one sentence.

    typed: the user wrote the name. A dotted path is refused without, since to import and call it is to run code.
    """
    if not isinstance(name, str):
        raise ValueError(f"{role} loss: the name must be a string, got {name!r}")
    name = {f"cornernet.losses.{role}.{own}.{own}": own for own in members}.get(name, name)
    if name in members:
        return members[name]
    if "." in name and all(part.isidentifier() for part in name.split(".")):
        if not typed:
            raise ValueError(f"{role} loss {name!r} is code from elsewhere, and is only looked up where you typed it")
        return _imported(role, name)
    near = difflib.get_close_matches(name, members, n=1)
    hint = f", did you mean {near[0]}?" if near else "."
    choice = f"Choose from {', '.join(members)}, or give the dotted path of your own"
    raise ValueError(f"unknown {role} loss {name!r}{hint} {choice}")


def _imported(role: str, path: str) -> Callable:
    module_name, _, attribute = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # someone else's module may fail in any way
        if isinstance(error, ModuleNotFoundError) and error.name and f"{module_name}.".startswith(f"{error.name}."):
            reason = f"there is no module {error.name} on the Python path (PYTHONPATH adds folders to it)"
        else:
            reason = f"importing {module_name} failed with {type(error).__name__}: {' '.join(str(error).split())}"
        raise ValueError(f"{role} loss {path!r}: {reason}") from error
    found = getattr(module, attribute, None)
    if found is None:
        near = difflib.get_close_matches(attribute, dir(module), n=1)
        hint = f", did you mean {near[0]}?" if near else ""
        raise ValueError(f"{role} loss {path!r}: module {module_name} has no {attribute}{hint}")
    if not callable(found):
        raise ValueError(f"{role} loss {path!r} is a {type(found).__name__}, expected a function or a class")
    return found
