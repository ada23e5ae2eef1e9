"""What is to be known of every loss: formula, source, arguments and use, from the dicts and the docstrings.

Called by what shows it, `cornernet.cli.catalogue`; the losses' door does not import it.
"""

import inspect
import textwrap
from collections.abc import Callable
from typing import NamedTuple

from cornernet.arguments import configurable, hints
from cornernet.config.describe import type_name
from cornernet.losses import INPUTS, ROLES, curves, declared
from cornernet.losses.building import CALLED
from cornernet.losses.lookup import find


class Argument(NamedTuple):
    """One thing that a config can set in `loss.<role>.args`."""

    name: str
    type: str
    default: str


class Entry(NamedTuple):
    """What is to be known of one loss."""

    role: str
    name: str
    title: str  # name, authors, year, source
    formula: str  # lines of plain text, empty for none
    symbols: str  # what the letters mean
    use: str  # when to use it
    call: str  # what goes in and comes out, and what the arguments mean
    arguments: list[Argument]
    weight: float
    space: str | None  # what a box loss compares


def entries(role: str | None = None, name: str | None = None) -> list[Entry]:
    """All losses, those of a role or one -> Entry each. Raises ValueError for a role or name that does not exist."""
    if role is not None and role not in ROLES:
        raise ValueError(f"there is no role {role!r} for a loss; there are {', '.join(ROLES)}")
    if role is None or name is None:
        return [_entry(r, n, loss) for r in ([role] if role else ROLES) for n, loss in sorted(ROLES[r].items())]
    if "." in name:
        raise ValueError(f"{name} is not a loss of this package; {role} has {', '.join(sorted(ROLES[role]))}")
    return [_entry(role, name, find(role, name, ROLES[role]))]


def _entry(role: str, name: str, loss: Callable) -> Entry:
    title, formula, symbols, use = parts(inspect.getdoc(inspect.getmodule(loss)) or "")
    call = inspect.getdoc(loss) or ""
    weight, space = declared(role, loss, name)[:2]
    return Entry(role, name, title, formula, symbols, use, call, _arguments(role, loss), weight, space)


def parts(docstring: str) -> tuple[str, str, str, str]:
    """Docstring of a formula file -> title, formula, symbols and use, each without its line breaks but the formula."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    title, rest = paragraphs[0], paragraphs[1:]
    formula = [p for p in rest if p.startswith(" ")]
    use = [p for p in rest if p.startswith("Use ")]
    symbols = [p for p in rest if p not in formula and p not in use]
    return _joined([title]), textwrap.dedent("\n".join(formula)), _joined(symbols), _joined(use)


def _joined(paragraphs: list[str]) -> str:
    return " ".join(" ".join(paragraphs).split())


def _arguments(role: str, loss: Callable) -> list[Argument]:
    types = hints(loss)
    found = configurable(loss, INPUTS[role], CALLED)
    own = {name: p for name, p in found.items() if name not in curves.GIVEN}
    return [Argument(name, _type(types[name]), _default(p)) for name, p in own.items()]


def _type(hint: object) -> str:
    return "keys and values or null" if "dict" in str(hint) else type_name(hint)


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return "must be given"
    words = {type(None): "null", bool: str(parameter.default).lower()}
    return words.get(type(parameter.default), str(parameter.default))
