"""One `a.b=c` as it was typed -> key and value: text stays as it stands there, all else is read as YAML."""

import dataclasses
import re
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, Literal, cast, get_args, get_origin

import yaml
from omegaconf import DictConfig, OmegaConf

from cornernet.config.schema import Config

QUOTED = re.compile(r"'.*'|\".*\"", re.DOTALL)


def read(text: str) -> tuple[str, Any]:
    """`key=value` -> the key, and the value as the schema's type of the key asks for it.

    Text is taken as it was typed (`007`, `yes`, `a #b`), but for YAML's quotes around all of it, which keep their
    meaning: '' is empty. Nothing at all is None, and so is `null` where the schema allows it. In lists and mappings,
    which are YAML, the same holds for each text. What a schema does not know, such as `args`, is YAML alone. Raises
    what YAML's reader does.
    """
    key, _, value = text.partition("=")
    kind = _kind(key)
    if _is_text(kind):
        return key, _text(value, kind)
    given = OmegaConf.to_container(OmegaConf.from_dotlist([f"x={value}"]))
    return key, with_texts(key, cast(dict, given)["x"], value)


def with_texts(key: str, value: Any, written: str) -> Any:
    """Value of a key as YAML reads it, and as it was written -> the same with its texts as they were written."""
    return _as_typed(value, yaml.load(written, yaml.BaseLoader), _kind(key))


def layer(overrides: Sequence[str]) -> DictConfig:
    """Overrides -> what they set, in a config of its own."""
    made = OmegaConf.create({})
    for text in overrides:
        OmegaConf.update(made, *read(text))
    return made


def is_text(key: str) -> bool:
    """Whether the value of a key is one text."""
    return _is_text(_kind(key))


def _text(value: str, kind: Any) -> str | None:
    if not value or (value == "null" and NoneType in get_args(kind)):
        return None
    if QUOTED.fullmatch(value):
        try:
            inner = yaml.safe_load(value)
        except yaml.YAMLError:  # two quoted words, say
            return value
        return inner if isinstance(inner, str) else value
    return value


def _kind(key: str) -> Any:
    """Type of a dotted key in the schema; Any for what it does not know."""
    kind: Any = Config
    for word in filter(None, re.split(r"[.\[\]]+", key)):
        kind = _inner(kind, word)
    return kind


def _inner(kind: Any, word: Any) -> Any:
    """Type of a field of a dataclass, or of a member of a list, a tuple or a dict."""
    if dataclasses.is_dataclass(kind):
        return next((item.type for item in dataclasses.fields(kind) if item.name == word), Any)
    parts = [part for part in (get_args(kind) if get_origin(kind) is UnionType else [kind]) if part is not NoneType]
    holds = get_args(parts[0]) if get_origin(parts[0]) in (list, tuple, dict) else ()
    return holds[-1] if holds else Any


def _is_text(kind: Any) -> bool:
    """Whether it is text, one of several words, or either or null."""
    parts = [x for x in (get_args(kind) if get_origin(kind) is UnionType else [kind]) if x is not NoneType]
    words = [x for part in parts for x in (get_args(part) if get_origin(part) is Literal else [part])]
    return bool(words) and all(x is str or isinstance(x, str) for x in words)


def _as_typed(value: Any, written: Any, kind: Any) -> Any:
    """Value as YAML reads it, and with each scalar as text -> the value, in which what is to be text is."""
    if kind is Any or (isinstance(value, (dict, list)) and len(value) != len(written)):  # merged by YAML's <<
        return value
    if isinstance(value, dict):
        pairs = zip(value.items(), written.items(), strict=True)
        return {name: _as_typed(x, word, _inner(kind, name)) for (_, x), (name, word) in pairs}
    if isinstance(value, list):
        each = kind if dataclasses.is_dataclass(kind) else _inner(kind, None)  # a list of losses as loss.feature
        return [_as_typed(x, word, each) for x, word in zip(value, written, strict=True)]
    text = _is_text(kind) and isinstance(written, str) and not (value is None or isinstance(value, str))
    return written if text else value
