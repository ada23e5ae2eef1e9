"""A recipe as a YAML file: what was measured at its head, and above every key why it is so."""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from cornernet.recipes.choices import Choice
from cornernet.recipes.facts import Facts
from cornernet.recipes.inputs import looks_tell
from cornernet.system.wording import counted

WIDTH = 118
PLAIN = re.compile(r"[/A-Za-z][\w./-]*", re.ASCII)
NAMED = 12  # classes that are named one by one
FEW_IMAGES = 10  # of a class, below which it is hardly learnt


def scalar(value: Any) -> str:
    """Value -> YAML on one line, in which nothing is looked up by ${...}; text that might be read as more is quoted."""
    if isinstance(value, str):
        meant = re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
        plain = PLAIN.fullmatch(meant) and yaml.safe_load(meant) == meant
        return meant if plain else json.dumps(meant, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(scalar, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{scalar(key)}: {scalar(x)}' for key, x in value.items())}}}"
    return yaml.safe_dump(value).splitlines()[0]


def document(base: str, head: Iterable[str], chosen: Iterable[Choice]) -> str:
    """Base, lines of the head and choices -> the file, keys of a section together in the order of the choices."""
    tree: dict[str, Any] = {}
    for each in chosen:
        *sections, name = each.key.split(".")
        inner = tree
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[name] = each
    lines = [*(line for text in head for line in _comment(text, "")), f"base: {scalar(base)}", *_lines(tree, "")]
    return "\n".join(lines) + "\n"


def _lines(tree: dict[str, Any], indent: str) -> Iterator[str]:
    for name, held in tree.items():
        if isinstance(held, dict):
            yield f"{indent}{name}:"
            yield from _lines(held, indent + "  ")
        else:
            yield from _comment(held.why, indent)
            yield f"{indent}{name}: {scalar(held.value)}"


def _comment(text: str, indent: str) -> list[str]:
    start = f"{indent}# "
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=start, break_on_hyphens=False)


def told(facts: Facts) -> list[str]:
    """What was measured, a sentence each."""
    objects, seen = sum(each.objects for each in facts.classes), facts.seen
    return [
        f"{counted(facts.images, 'image')}, half of them at most {facts.longer:.5g} px long; {objects} objects, "
        f"{objects / facts.images:.1f} an image, at most {facts.most}",
        f"crowding: {facts.overlapping:.1%} of the objects overlap one of their class by half or more",
        *_classes(facts),
        *([_by_size(facts)] if len(seen) > 1 else []),
    ]


def _classes(facts: Facts) -> Iterator[str]:
    order = sorted(facts.seen, key=lambda each: -each.objects)
    for each in order[:NAMED]:
        number = f"{counted(each.objects, 'object')} on {counted(each.images, 'image')}"
        yield f"{each.name}: {number}, median side {each.side:.3g} px"
    if len(order) > NAMED:
        rarest = f"{order[-1].name} with {counted(order[-1].objects, 'object')}"
        yield f"and {counted(len(order) - NAMED, 'more class')}, the rarest {rarest}"
    if rare := [each.name for each in order if each.images < FEW_IMAGES]:
        yield f"on fewer than {FEW_IMAGES} images, hardly to be learnt: {', '.join(rare[:NAMED])}"
    if empty := len(facts.classes) - len(order):
        yield f"without an object: {empty} of {counted(len(facts.classes), 'class')}"


def _by_size(facts: Facts) -> str:
    chance = f"classes: {facts.told:.0%} are told by the size of the box alone, chance is {1 / len(facts.seen):.0%}"
    rest = "what tells them apart is inside the boxes" if looks_tell(facts) else "sizes help"
    return f"{chance}: {rest}; whether boxes are enough is unknown before a training"
