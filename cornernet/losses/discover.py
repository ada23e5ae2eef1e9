"""Fills a role's dict from its folder: the file's name is the name of the function inside and the name in a config."""

import importlib
import pkgutil
from collections.abc import Callable


def members(package: str, path: list[str]) -> dict[str, Callable]:
    """`__name__` and `__path__` of a role's package -> name -> loss; raises ImportError for a file without its loss."""
    found = {}
    for module in pkgutil.iter_modules(path):
        file = importlib.import_module(f"{package}.{module.name}")
        if not callable(getattr(file, module.name, None)):
            raise ImportError(f"{package}/{module.name}.py must define {module.name}, the loss it is named after")
        found[module.name] = getattr(file, module.name)
    return found
