"""Every loss with its formula, source, arguments and use, for people to read: from the dicts and the docstrings."""

import inspect
import textwrap
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cornernet import losses
from cornernet.cli.help import type_name
from cornernet.losses import INPUTS, ROLES, curves, default_weight
from cornernet.losses.arguments import configurable
from cornernet.losses.lookup import find

WIDTH = 120
INTRODUCTION = """# Losses

A role is a place in a detector where a loss can stand; one word in the config swaps what stands there,
`loss.<role>.name=<name>`. This page is written by `tools/document_losses.py` from the losses themselves, with their
default arguments; `tools/list_losses.py [ROLE [NAME]]` prints the same in the terminal. The weight is that of the term
where the config gives none. A dotted path in place of a name takes a loss of your own, see
[CONTRIBUTING.md](../CONTRIBUTING.md)."""


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


def entries(role: str | None = None, name: str | None = None) -> list[Entry]:
    """All losses, those of a role or one -> Entry each. Raises ValueError for a role or name that does not exist."""
    if role is not None and role not in ROLES:
        raise ValueError(f"there is no role {role!r} for a loss; there are {', '.join(ROLES)}")
    if name is not None and "." in str(name):
        raise ValueError(f"{name} is not a loss of this package; {role} has {', '.join(sorted(ROLES[role]))}")
    if name is not None:
        return [_entry(role, name, find(role, name, ROLES[role]))]
    return [_entry(r, n, loss) for r in ([role] if role else ROLES) for n, loss in sorted(ROLES[r].items())]


def _entry(role: str, name: str, loss: Callable) -> Entry:
    module = inspect.getmodule(loss)
    title, formula, symbols, use = parts(module.__doc__)
    call = inspect.cleandoc(loss.__doc__)
    return Entry(role, name, title, formula, symbols, use, call, _arguments(role, loss), default_weight(role, name))


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
    kind = loss.__init__ if isinstance(loss, type) else loss
    hints = typing.get_type_hints(kind)
    found = configurable(loss, INPUTS[role])
    own = {name: p for name, p in found.items() if name not in curves.GIVEN}
    return [Argument(name, _type(hints[name]), _default(p)) for name, p in own.items()]


def _type(hint: object) -> str:
    return "keys and values or null" if "dict" in str(hint) else type_name(hint)


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return "must be given"
    words = {type(None): "null", bool: str(parameter.default).lower()}
    return words.get(type(parameter.default), str(parameter.default))


def terminal(role: str | None = None, name: str | None = None) -> str:
    """The losses as plain text: a line or two each, of a role with their formulas, of one everything."""
    if name is not None and "." in str(name):
        raise ValueError(f"{name} is not a loss of this package; {role} has {', '.join(sorted(ROLES[role]))}")
    if name is not None:
        return _whole(entries(role, name)[0])
    blocks = []
    for each in [role] if role else ROLES:
        found = entries(each)
        signature = _signature(each)
        blocks.append("\n".join([f"{each}: {signature}", "", *(_brief(entry, role is not None) for entry in found)]))
    return "\n\n".join(blocks)


def _signature(role: str) -> str:
    """The line of the role's docstring that says how its losses are called."""
    return next(line.strip() for line in getattr(losses, role).__doc__.splitlines() if line.startswith("    loss("))


def _brief(entry: Entry, with_formula: bool) -> str:
    text = [f"  {entry.name:<18}{entry.title}"]
    if with_formula:
        arguments = ", ".join(f"{a.name} {a.default}" for a in entry.arguments) or "no arguments"
        text += [
            *(f"      {line}" for line in entry.formula.splitlines()),
            f"      weight {entry.weight:g}; {arguments}",
        ]
        text += [f"      {entry.use}", ""]
    return "\n".join(_wrapped(line) for line in text)


def _wrapped(line: str, hanging: str = "    ") -> str:
    inset = " " * (len(line) - len(line.lstrip())) + hanging
    return textwrap.fill(line, WIDTH, subsequent_indent=inset, break_on_hyphens=False)


def _whole(entry: Entry) -> str:
    lines = [f"{entry.role}.{entry.name}", entry.title, "", *(f"    {x}" for x in entry.formula.splitlines()), ""]
    lines += [
        _wrapped(entry.symbols, ""),
        "",
        _wrapped(entry.use, ""),
        "",
        *entry.call.splitlines(),
        "",
        f"weight {entry.weight:g}",
    ]
    lines += [f"{a.name}: {a.type}, {a.default}" for a in entry.arguments] or ["no arguments"]
    return "\n".join(_wrapped(line) for line in lines)


def write(folder: Path) -> None:
    """Write losses.md and a picture of every loss, losses/<role>_<name>.png, into the folder."""
    pictures = folder / "losses"
    pictures.mkdir(parents=True, exist_ok=True)
    for entry in entries():
        curves.draw(curves.curve(entry.role, entry.name), pictures / f"{entry.role}_{entry.name}.png")
    (folder / "losses.md").write_text(page(), encoding="utf-8")


def page() -> str:
    """The losses as one page of Markdown."""
    contents = [f"- [{r}](#{r}): " + ", ".join(f"[{n}](#{r}-{n})" for n in sorted(ROLES[r])) for r in ROLES]
    lines = [INTRODUCTION, "", *(_wrapped(line, "  ") for line in contents)]
    for role in ROLES:
        about, _, rest = inspect.cleandoc(getattr(losses, role).__doc__).partition("\n\n")
        lines += ["", f"## {role}", "", about, "", *_code(rest)]
        for entry in entries(role):
            lines += ["", *_section(entry)]
    return "\n".join(lines) + "\n"


def _code(text: str) -> Iterator[str]:
    """Markdown of a role's docstring: the indented lines are code."""
    for number, paragraph in enumerate(text.split("\n\n")):
        yield from ("",) if number else ()
        yield from ("```", textwrap.dedent(paragraph), "```") if paragraph.startswith(" ") else (_plain(paragraph),)


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return text.replace("*", r"\*").replace("<", "&lt;").replace("|", r"\|")


def _paragraph(text: str) -> str:
    return _wrapped(_plain(text), "")


def _section(entry: Entry) -> Iterator[str]:
    yield f'### <a id="{entry.role}-{entry.name}"></a>{entry.name}'
    yield from ("", _paragraph(entry.title))
    if entry.formula:
        yield from ("", "```", entry.formula, "```")
    yield from ("", _paragraph(entry.symbols), "", _paragraph(entry.use), "")
    yield from _plain(entry.call).splitlines()
    yield from ("", f"Weight {entry.weight:g}." + ("" if entry.arguments else " No arguments."))
    if entry.arguments:
        yield from ("", "| argument | type | default |", "|---|---|---|")
        yield from (f"| `{a.name}` | {a.type.replace('|', 'or')} | {a.default} |" for a in entry.arguments)
    yield from ("", f"![{entry.name}](losses/{entry.role}_{entry.name}.png)", "", *_numbers(entry))


def _numbers(entry: Entry) -> Iterator[str]:
    """A few points of the curve, by which a test knows that the picture is of this formula."""
    curve = curves.curve(entry.role, entry.name)
    for number, (label, x, value, slope) in enumerate(curves.samples(curve)):
        if number == 0:
            yield f"| {curve.quantity} | " + " | ".join(f"{v:.3g}" for v in x) + " |"
            yield "|---" * (len(x) + 1) + "|"
        name = f"{label}: " if len(curve.lines) > 1 else ""
        yield f"| {name}value | " + " | ".join(_number(v) for v in value) + " |"
        yield f"| {name}derivative{curve.slope} | " + " | ".join(_number(v) for v in slope) + " |"


def _number(value: float) -> str:
    return f"{0.0 if abs(value) < 1e-9 else value:.3g}"
