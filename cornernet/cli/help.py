"""The text behind `--help`: every key of the schema with its default, type and meaning."""

import functools
import inspect
import json
import re
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, get_args, get_origin

from omegaconf import DictConfig, ListConfig, OmegaConf, TupleConfig

from cornernet.config import Config
from cornernet.config.messages import keys

COLUMNS = (2, 32, 50, 76)  # where name, default, type and meaning begin; a longer cell pushes the next one a line down


class Key(NamedTuple):
    """What a user wants to know of one key."""

    name: str  # dotted
    default: str  # as one writes it in YAML
    type: str
    meaning: str


def help_text() -> str:
    """One row a key: name, default, type, meaning, under a headline."""
    rows = [Key("KEY", "DEFAULT", "TYPE", "MEANING"), *described()]
    return "\n".join(_row(row) for row in rows)


def described(schema: type = Config) -> list[Key]:
    """Every key of the schema that takes a value, in the order of its source."""
    defaults = OmegaConf.structured(schema)
    return [
        Key(name, _yaml(OmegaConf.select(defaults, name)), type_name(item.type), meanings(holder)[item.name])
        for name, holder, item in keys(schema)
        if not is_dataclass(item.type)
    ]


@functools.cache
def meanings(schema: type) -> dict[str, str]:
    """The comment behind each field of a dataclass, or above it; read from its source so that it is written once."""
    found, above = {}, ""
    for line in inspect.getsource(schema).splitlines():
        if match := re.fullmatch(r"\s+# (.*)", line):
            above = match[1]
        elif match := re.match(r"\s+(\w+): .*?(?:  # (.*))?$", line):
            found[match[1]], above = match[2] or above, ""
    return found


def type_name(kind: Any) -> str:
    """Type of a field in few words: `int`, `float or null`, `adam | adamw | sgd`, `list of float`."""
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return " | ".join(map(str, inner))
    if get_origin(kind) is UnionType:
        return " or ".join("null" if part is NoneType else type_name(part) for part in inner)
    if get_origin(kind) is list:
        return f"list of {type_name(inner[0])}"
    if get_origin(kind) is tuple:
        return f"{len(inner)} x {type_name(inner[0])}"
    if get_origin(kind) is dict:
        return "keys and values"
    return {str: "text", bool: "true or false"}.get(kind, kind.__name__)


def _yaml(value: Any) -> str:
    """Value as one writes it behind `key:` or `key=`."""
    if isinstance(value, (ListConfig, TupleConfig)):
        return "[" + ", ".join(_yaml(x) for x in value) + "]"
    if isinstance(value, DictConfig):
        return "{" + ", ".join(f"{key}: {_yaml(x)}" for key, x in value.items()) + "}"
    return str(value) if isinstance(value, str) and value else json.dumps(value)


def _row(cells: Key) -> str:
    lines = [""]
    for cell, start in zip(cells, COLUMNS, strict=True):
        if len(lines[-1]) > start - 2 and start > COLUMNS[0]:
            lines.append("")
        lines[-1] = lines[-1].ljust(start) + cell
    return "\n".join(line.rstrip() for line in lines)
