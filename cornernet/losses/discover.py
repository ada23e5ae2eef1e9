"""Fills a role's dict from its folder: the file's name is the name of the function inside and the name in a config."""

from collections.abc import Callable

from cornernet import registry
from cornernet.losses.declarations import check_file


def members(package: str, path: list[str]) -> dict[str, Callable]:
    """`__name__` and `__path__` of a role's package -> name -> loss.

    Raises ImportError for a file without its loss, or without what losses of the role declare beside it.
    """
    found, role = {}, package.rpartition(".")[2]
    for name, file in registry.modules(package, path).items():
        shown = f"{package}/{name}.py"
        if not callable(getattr(file, name, None)):
            raise ImportError(f"{shown} must define {name}, the loss it is named after")
        check_file(role, file, shown)
        found[name] = getattr(file, name)
    return found
