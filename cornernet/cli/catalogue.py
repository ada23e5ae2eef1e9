"""The losses for people to read: the list in the terminal, the page with its images, and the stub for editors."""

import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path

from cornernet import losses
from cornernet.drawing import figure
from cornernet.losses import ROLES, curves, functional
from cornernet.losses.catalogue import Entry, entries
from cornernet.system import writing

WIDTH = 120
INTRODUCTION = """# Losses

A role is a place in a detector where a loss can stand; one word in the config swaps what stands there,
`loss.<role>.name=<name>`. This page is written by `tools/document_losses.py` from the losses themselves, with their
default arguments; `tools/list_losses.py [ROLE [NAME]]` prints the same in the terminal. The weight is that of the term
where the config gives none; like what a box loss compares it is declared by the loss itself. A dotted path in place of
a name takes a [loss of your own](own_loss.md)."""
STUB = """# What editors see of functional.py; tools/document_losses.py writes it from the losses in box/.
# fmt: off
# ruff: noqa: E501
import typing
from collections.abc import Callable
from typing import Literal

import torch

Reduction = Literal["none", "mean", "sum"]
FUNCTIONS: dict[str, Callable[..., torch.Tensor]]

def reducing(name: str, loss: Callable) -> Callable[..., torch.Tensor]: ...
def reduced(loss: torch.Tensor, reduction: Reduction) -> torch.Tensor: ...
"""


def terminal(role: str | None = None, name: str | None = None) -> str:
    """The losses as plain text: a line or two each, of a role with their formulas, of one everything."""
    if role is not None and name is not None:
        if "." in str(name):
            raise ValueError(f"{name} is not a loss of this package; {role} has {', '.join(sorted(ROLES[role]))}")
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
            f"      {_declared(entry)}; {arguments}",
        ]
        text += [f"      {entry.use}", ""]
    return "\n".join(_wrapped(line) for line in text)


def _wrapped(line: str, hanging: str = "    ") -> str:
    inset = " " * (len(line) - len(line.lstrip())) + hanging
    return textwrap.fill(line, WIDTH, subsequent_indent=inset, break_on_hyphens=False)


def _declared(entry: Entry) -> str:
    return f"weight {entry.weight:g}" + (f", compares {entry.space}" if entry.space else "")


def _whole(entry: Entry) -> str:
    lines = [f"{entry.role}.{entry.name}", entry.title, "", *(f"    {x}" for x in entry.formula.splitlines()), ""]
    lines += [
        _wrapped(entry.symbols, ""),
        "",
        _wrapped(entry.use, ""),
        "",
        *entry.call.splitlines(),
        "",
        _declared(entry),
    ]
    lines += [f"{a.name}: {a.type}, {a.default}" for a in entry.arguments] or ["no arguments"]
    return "\n".join(_wrapped(line) for line in lines)


def write(folder: Path) -> None:
    """Write losses.md and an image of every loss, losses/<role>_<name>.png, into the folder."""
    images = folder / "losses"
    images.mkdir(parents=True, exist_ok=True)
    for entry in entries():
        draw(curves.curve(entry.role, entry.name), images / f"{entry.role}_{entry.name}.png")
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
    yield from ("", f"{_declared(entry).capitalize()}." + ("" if entry.arguments else " No arguments."))
    if entry.arguments:
        yield from ("", "| argument | type | default |", "|---|---|---|")
        yield from (f"| `{a.name}` | {a.type.replace('|', 'or')} | {a.default} |" for a in entry.arguments)
    yield from ("", f"![{entry.name}](losses/{entry.role}_{entry.name}.png)", "", *_numbers(entry))


def _numbers(entry: Entry) -> Iterator[str]:
    """A few points of the curve, by which a test knows that the image is of this formula."""
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


def draw(found: curves.Curve, path: Path) -> None:
    """Write the curve as an image: value on the left, derivative on the right."""
    drawn = figure(7.2, 2.3)
    for axes, part, title in zip(drawn.subplots(1, 2), (0, 1), ("value", f"derivative{found.slope}"), strict=True):
        for style, (label, line) in zip(("-", "--", ":"), found.lines.items(), strict=False):
            axes.plot(found.x, line[part], style, label=label)
        axes.set(xlabel=found.quantity, title=title)
        axes.title.set_fontsize("medium")
        axes.grid(alpha=0.3)
        if part == 0 and len(found.lines) > 1:
            axes.legend(fontsize="small")
    drawn.savefig(path, dpi=80)


def stub() -> str:
    """What losses/functional.pyi holds: the box losses as functions, each parameter with its type and default."""
    names = textwrap.fill(", ".join(map(repr, functional.FUNCTIONS)), WIDTH - 4)
    lines = [STUB, "__all__ = [", textwrap.indent(names, "    "), "]", ""]
    lines += [f"def {name}{inspect.signature(function)}: ..." for name, function in functional.FUNCTIONS.items()]
    return "\n".join(lines) + "\n"


def write_stub() -> Path:
    """Write losses/functional.pyi, by which editors know giou_loss and its kind -> its path."""
    path = Path(functional.__file__).with_suffix(".pyi")
    writing.write(path, stub())
    return path
