"""`list`: print what a config or a command may name, and what plug-ins add to it."""

import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from cornernet.cli.commandline import Command, say
from cornernet.config.describe import written
from cornernet.registry import near

USAGE = """tools/list.py [KIND [NAME]]

Prints what can be named in a config or in a command, the user's plug-ins among it (docs/plugins.md): what each is, its
arguments with their defaults, and where it comes from. KIND is losses, backbones, detectors, pairings, regions,
transforms, sources, writers, metrics, formats or callbacks; NAME one of them, of which all is printed, for example
  tools/list.py
  tools/list.py metrics
  tools/list.py callbacks json_lines
  tools/list.py losses box ciou"""


class Kind(NamedTuple):
    """Where the parts of a kind are held."""

    folder: str  # a room or a folder of one, whose files they are
    registries: tuple[str, ...]  # dicts in it
    key: str  # that takes their names


KINDS = {
    "backbones": Kind("backbones", ("BACKBONES",), "model.backbone.name"),
    "detectors": Kind("detectors", ("DETECTORS",), "model.detector"),
    "pairings": Kind("detectors.corner.pairing", ("PAIRINGS",), "model.pairing.name"),
    "regions": Kind("detectors.corner.region", ("REGIONS",), "model.region.name"),
    "transforms": Kind("data.transforms", ("TRANSFORMS",), "a key of data.transforms, or its name"),
    "sources": Kind("data.sources", ("FORMATS", "DRAWN"), "data.format, or data.name for one that is drawn"),
    "writers": Kind("data.writing", ("WRITERS",), "format of convert"),
    "metrics": Kind("evaluation.measures", ("MEASURES",), "train.metric, by the name of a figure"),
    "formats": Kind("graphs", ("FORMATS",), "format of an export"),
    "callbacks": Kind("training.callbacks", ("CALLBACKS",), "train.callbacks"),
}
ALL = ("losses", *KINDS)
GIVEN = ("with_loss", "out_channels")  # by the package, not by a config
WIDTH, INSET = 120, 22


def main(kind: str | None, name: str | None, loss: str | None) -> None:
    """Print it."""
    if kind not in (None, *ALL):
        raise ValueError(f"there is no kind {kind}{near(str(kind), ALL) or ';'} there are {', '.join(ALL)}")
    if kind == "losses":
        from cornernet.cli import catalogue

        return say(catalogue.terminal(name, loss))
    if loss is not None:
        raise ValueError(f"got {loss!r} behind list {kind} {name}; only of losses a role and a name are taken")
    return say(overview() if kind is None else text(kind, name))


def overview() -> str:
    """Every kind with the names of its parts."""
    from cornernet.losses import ROLES

    rows = [("losses", f"{role}: {', '.join(ROLES[role])}") for role in ROLES]
    rows += [(kind, ", ".join(members(kind))) for kind in KINDS]
    return "\n".join(_row(*row) for row in rows)


def text(kind: str, name: str | None = None) -> str:
    """All parts of a kind, or one with its whole docstring."""
    found, held = members(kind), KINDS[kind]
    if name is None:
        folder = f"cornernet/{held.folder.replace('.', '/')}/"
        return "\n".join([f"{kind}: a file each in {folder}; {held.key}", "", *map(_brief, found, found.values())])
    if name not in found:
        raise ValueError(f"there is no {name} among the {kind}{near(name, found) or ';'} there are {', '.join(found)}")
    part = found[name]
    return "\n".join([f"{kind}.{name}", "", inspect.cleandoc(_docstring(name, part)), "", *_facts(name, part)]).rstrip()


def members(kind: str) -> dict[str, Any]:
    """Name -> part, from the registries of the kind."""
    module = importlib.import_module(f"cornernet.{KINDS[kind].folder}")
    return {name: part for held in KINDS[kind].registries for name, part in getattr(module, held).items()}


def _brief(name: str, part: Any) -> str:
    """What a part is, in a line, and its facts below."""
    title = " ".join(_docstring(name, part).partition("\n\n")[0].split())
    return "\n".join([_row(f"  {name}", title), *(_row("", fact) for fact in _facts(name, part))])


def _row(name: str, words: str) -> str:
    inset = " " * INSET
    return textwrap.fill(
        words, WIDTH, initial_indent=f"{name:<{INSET - 1}} ", subsequent_indent=inset, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def _called(name: str, part: Any) -> Any:
    """What is called: of a module what has its name, or `build`; of a metric its function; None for nothing."""
    if not isinstance(part, ModuleType):
        return getattr(part, "function", part)
    return next((x for key in (name, "build") if callable(x := getattr(part, key, None))), None)


def _file(name: str, part: Any) -> ModuleType:
    return part if isinstance(part, ModuleType) else sys.modules[_called(name, part).__module__]


def _docstring(name: str, part: Any) -> str:
    """That of the file, or of what is called where the file makes several."""
    file = _file(name, part)
    own = inspect.getdoc(_called(name, part)) if hasattr(file, "NAMES") else None
    return own or inspect.getdoc(file) or "(its file has no docstring)"


def _facts(name: str, part: Any) -> Iterator[str]:
    """Figures of a metric, or arguments with defaults; of a plug-in its file."""
    if hasattr(part, "figures"):
        word = "more" if part.higher else "less"
        yield from (f"{figure}, {word} is better: {meaning}" for figure, meaning in part.figures.items())
    elif arguments := ", ".join(f"{key} {written(value)}" for key, value in _defaults(name, part)):
        yield arguments
    path = Path(_file(name, part).__file__ or "").resolve()
    if Path(__file__).resolve().parents[1] not in path.parents:
        yield f"a plug-in: {path}"


def _defaults(name: str, part: Any) -> Iterator[tuple[str, Any]]:
    """Arguments, or keys of a detector's own section, that have a default."""
    if section := getattr(part, "SECTION", None):
        yield from vars(section()).items()
    elif called := _called(name, part):
        parameters = inspect.signature(called).parameters
        yield from ((key, p.default) for key, p in parameters.items() if key not in GIVEN and p.default is not p.empty)


COMMAND = Command(main, USAGE, paths=0, optional=3, overrides=False)
