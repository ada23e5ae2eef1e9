"""What is looked up by name: the files of a folder, those that a user's plug-ins add to it, and dotted paths.

A registry is a plain dict filled from a folder of the package, whose files' names are the names in a config. The
environment variable CORNERNET_PLUGINS holds folders that are laid out as the package is: with
`CORNERNET_PLUGINS=mine` the file `mine/losses/box/bar.py` is `loss.box.name=bar`, as if it lay in the package.
"""

import difflib
import importlib
import os
import pkgutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from cornernet.errors import BadPlugin

VARIABLE = "CORNERNET_PLUGINS"


def modules(package: str, path: list[str]) -> dict[str, ModuleType]:
    """`__name__` and `__path__` of a folder of the package -> name -> module, for every file and folder in it.

    The folders of plug-ins join `path` in place, so that what lies there is a module of the package. Raises
    BadPlugin, one sentence, for a plug-in that cannot be imported, has the name of a file of the package, or whose
    folder is not there.
    """
    found = {name: importlib.import_module(f"{package}.{name}") for name in _names(path)}
    for folder in _plugins(package):
        path.append(str(folder))
        for name in _names([str(folder)]):
            if name in found:
                raise BadPlugin(f"{folder / name}.py: there is a {package}.{name} already, give it another name")
            found[name] = _plugin(f"{package}.{name}", folder)
    return found


def find(kind: str, name: str, members: Mapping[str, Any], package: str = "", typed: bool = False) -> Any:
    """Name of a member, or dotted path -> the member, or what the path leads to.

    kind: in words, for messages. package: the folder of the members, `package.name` and `package.name.name` are `name`
    as well. typed: the user wrote the name. A dotted path, to a module or to what it holds, is refused without, since
    to import it is to run code. Raises ValueError, one sentence.
    """
    if not isinstance(name, str):
        raise ValueError(f"{kind}: the name must be a string, got {name!r}")
    name = {path: own for own in members for path in (f"{package}.{own}", f"{package}.{own}.{own}")}.get(name, name)
    if name in members:
        return members[name]
    if "." in name and all(part.isidentifier() for part in name.split(".")):
        if not typed:
            raise ValueError(f"{kind} {name!r} is code from elsewhere, and is only looked up where you typed it")
        return imported(kind, name)
    choice = f"Choose from {', '.join(members)}, or give the dotted path of your own; {VARIABLE} names folders of more"
    raise ValueError(f"unknown {kind} {name!r}{near(name, members) or '.'} {choice}")


def imported(kind: str, path: str) -> Any:
    """Dotted path that the user typed -> what it names; raises ValueError, one sentence, that begins with the kind."""
    module_name, _, attribute = path.rpartition(".")
    module = _module(kind, path, module_name)
    if attribute in {own.name for own in pkgutil.iter_modules(getattr(module, "__path__", []))}:
        return _module(kind, path, path)
    if (found := getattr(module, attribute, None)) is None:
        raise ValueError(f"{kind} {path!r}: module {module_name} has no {attribute}{near(attribute, dir(module))}")
    return found


def own(found: Any) -> Any:
    """What a path leads to -> what a config means by it: in a file that holds something of its own name, that."""
    return getattr(found, found.__name__.rpartition(".")[2], found) if isinstance(found, ModuleType) else found


def own_class(label: str, found: Any, package: str) -> type:
    """Return the same, which must be a class; raises ValueError, one sentence that begins with the label.

    package: where it is described.
    """
    if not isinstance(made := own(found), type):
        raise ValueError(f"{label} must be a class, got {type(made).__name__}: see {package}")
    return made


def offering(label: str, found: Any, members: Iterable[str], package: str) -> None:
    """Raise ValueError, one sentence that begins with the label, where a class or an object lacks one of its members.

    package: where they are described.
    """
    if missing := [member for member in members if getattr(found, member, None) is None]:
        raise ValueError(f"{label} lacks {', '.join(missing)}: see {package}")


def _module(kind: str, path: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:  # someone else's module may fail in any way
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            reason = f"there is no module {error.name} on the Python path (PYTHONPATH adds folders to it)"
        else:
            reason = f"importing {name} failed with {_said(error)}"
        raise ValueError(f"{kind} {path!r}: {reason}") from error


def near(name: str, members: Iterable[str]) -> str:
    """A hint to the member that was meant, `, did you mean giou?`, or an empty text."""
    found = close(name, members)
    return f", did you mean {found[0]}?" if found else ""


def close(name: str, members: Iterable[str]) -> list[str]:
    """The member that is nearest to a name that is none, if any is near."""
    return difflib.get_close_matches(name, list(dict.fromkeys(members)), n=1)


def _names(path: list[str]) -> list[str]:
    return [module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")]


def _plugins(package: str) -> list[Path]:
    """Folders of plug-ins that add to a folder of the package."""
    roots = [Path(text).expanduser().resolve() for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]
    if missing := [root for root in roots if not root.is_dir()]:
        raise BadPlugin(f"{VARIABLE} names {missing[0]}, which is no folder")
    folders = [root.joinpath(*package.split(".")[1:]) for root in roots]
    return [folder for folder in folders if folder.is_dir()]


def _plugin(module: str, folder: Path) -> ModuleType:
    try:
        return importlib.import_module(module)
    except Exception as error:  # someone else's module may fail in any way
        raise BadPlugin(f"{folder / module.rpartition('.')[2]}.py cannot be imported: {_said(error)}") from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
