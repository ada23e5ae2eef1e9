"""From names to modules: a registry is filled from its folder and from folders of the user's own."""

import difflib
import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

PLUGINS = "CORNERNET_PLUGINS"  # variable of the environment: folders laid out as the package is


def modules(package: str, path: list[str]) -> dict[str, ModuleType]:
    """`__name__` and `__path__` of a package -> name -> module of its files, then of those in the user's folders."""
    found = {item.name: importlib.import_module(f"{package}.{item.name}") for item in pkgutil.iter_modules(path)}
    for file in _plugins(package):
        found.setdefault(file.stem, _loaded(f"{package}.{file.stem}", file))
    return found


def find(kind: str, name: str, members: Mapping[str, Any], package: str, typed: bool = False) -> Any:
    """Name of a member, or dotted path where the user typed it -> the member; raises ValueError with one sentence."""
    name = {f"{package}.{own}": own for own in members}.get(name, name)
    if name in members:
        return members[name]
    if "." not in name or not all(part.isidentifier() for part in name.split(".")):
        near = difflib.get_close_matches(name, members, n=1)
        hint = f", did you mean {near[0]}?" if near else "."
        choice = f"Choose from {', '.join(members)}, or give the dotted path of your own"
        raise ValueError(f"unknown {kind} {name!r}{hint} {choice}")
    if not typed:
        raise ValueError(f"{kind} {name!r} is code from elsewhere, and is only looked up where you typed it")
    try:
        return importlib.import_module(name)
    except Exception as error:  # someone else's module may fail in any way
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ValueError(f"{kind} {name!r}: importing it failed with {reason}") from error


def _plugins(package: str) -> Iterator[Path]:
    inside = Path(*package.split(".")[1:])
    for folder in filter(None, os.environ.get(PLUGINS, "").split(os.pathsep)):
        yield from sorted((Path(folder) / inside).glob("[!_]*.py"))


def _loaded(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    found = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found
