"""Every key of the schema with its default, type and meaning, in the words in which one writes them."""

import functools
import inspect
import json
import re
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from omegaconf import DictConfig, ListConfig, OmegaConf, TupleConfig

from cornernet.config.messages import keys
from cornernet.config.schema import Config


class Key(NamedTuple):
    """What a user wants to know of one key."""

    name: str  # dotted
    default: str  # as one writes it in YAML
    type: str
    meaning: str


def described(schema: type = Config) -> list[Key]:
    """Every key of the schema that takes a value, in the order of its source."""
    defaults = OmegaConf.structured(schema)
    return [
        Key(name, written(OmegaConf.select(defaults, name)), type_name(item.type), meanings(holder)[item.name])
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
    if get_origin(kind) in (Union, UnionType):  # Python 3.10 makes the first of a default of None
        return " or ".join("null" if part is NoneType else type_name(part) for part in inner)
    if get_origin(kind) is list:
        return f"list of {type_name(inner[0])}"
    if get_origin(kind) is tuple:
        return f"{len(inner)} x {type_name(inner[0])}"
    if get_origin(kind) is dict:
        return "keys and values"
    return {str: "text", bool: "true or false"}.get(kind, kind.__name__)


def written(value: Any) -> str:
    """Value as one writes it behind `key:` or `key=`."""
    if isinstance(value, (ListConfig, TupleConfig)):
        return "[" + ", ".join(written(x) for x in value) + "]"
    if isinstance(value, DictConfig):
        return "{" + ", ".join(": ".join((str(key), written(x))) for key, x in value.items()) + "}"
    return str(value) if isinstance(value, str) and value else json.dumps(value)
