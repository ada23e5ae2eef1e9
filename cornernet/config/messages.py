"""What OmegaConf finds wrong with a config, in words for those who write configs."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, cast, get_args, get_origin

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cornernet.config import brought, renamed
from cornernet.registry import close
from cornernet.system.wording import typed

# for a whole number that no float can be, and for a list in place of a mapping
FAULTS = (OmegaConfBaseException, OverflowError, TypeError)
CONTAINERS = re.compile(
    r"to Dict\[|incompatible container types|is not a (ListConfig|TupleConfig)|invalid literal for int"
)
SCALARS = re.compile(r"Value '(.*)' of type '.*' could not be converted to (Integer|Float|Boolean)")
NUMBERS = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}
WAYS = {"train.device": "CUDA_VISIBLE_DEVICES=1 in the environment chooses among several GPUs"}  # to what was asked
# What OmegaConf's messages contain -> what they mean to someone who has not read OmegaConf.
PLAIN_WORDS = {
    r"is not Optional|Incompatible value 'None'": "may not be null (an empty text is '')",
    r"has missing mandatory value": "must be given",
    r"is not a subclass of str. value: None": "may not be null (an empty text is '')",
    r"length (\d+) does not match type hint length (\d+)": r"must have \2 values, got \1",
}


def keys(schema: type, prefix: str = "") -> Iterator[tuple[str, type, dataclasses.Field]]:
    """(dotted name, dataclass that holds it, field) of every key, sections included, in the order of its source."""
    for item in dataclasses.fields(schema):
        if item.metadata.get("omegaconf_ignore"):
            continue
        yield prefix + item.name, schema, item
        if isinstance(item.type, type) and dataclasses.is_dataclass(item.type):
            yield from keys(item.type, f"{prefix}{item.name}.")


def sentence(
    error: Exception, schema: type, layer: DictConfig | None = None, listed: str = "--help lists every key"
) -> str:
    """OmegaConf's message as one line that names the full key and, if that is unknown, the nearest valid one.

    layer is what was merged, for errors that do not say which of its keys they are about; listed, where all keys stand.
    """
    text = str(error).strip().partition("\n")[0]
    full = getattr(error, "full_key", None) or _culprit(schema, layer)
    sections = {name: item.type for name, _, item in keys(schema) if dataclasses.is_dataclass(item.type)}
    if said := renamed.now(full, OmegaConf.select(layer, full, throw_on_resolution_failure=False) if layer else None):
        return said
    known = brought.answer(full)
    if "not in" in text:
        return known or f"unknown key {full}; {_nearest(full, schema) or listed}"
    if full in sections:
        inner = ", ".join(f"{full}.{item.name}" for item in dataclasses.fields(sections[full])[:2])
        said = f"{full} takes no value of its own, it holds keys such as {inner}"
        return f"{said}; {known}" if known else said
    if CONTAINERS.search(text):
        full = next((name for name in (full, full.rpartition(".")[0]) if _container(name, schema)), full)
        return f"{full} {_container(full, schema) or 'takes one value'}"
    if match := SCALARS.search(text):
        held = OmegaConf.select(layer, full, throw_on_resolution_failure=False) if layer else None
        got = typed(held) if isinstance(held, (bool, float)) else match[1]
        return f"{full} must be {NUMBERS[match[2]]}, got {got}"
    if match := re.search(r"Invalid value '(.*)', expected one of \[(.*)\]", text):
        said = f"{full} must be one of {match[2].replace(chr(39), '')}, got {match[1]}"
        return f"{said}; {WAYS[full]}" if full in WAYS else said
    for pattern, words in PLAIN_WORDS.items():
        if match := re.search(pattern, text):
            return f"{full} {match.expand(words)}"
    return f"{full}: {text}" if full and full not in text else text


def _container(full: str, schema: type) -> str:
    """What a key must be that holds several values, "" for one that holds one."""
    kind = next((item.type for name, _, item in keys(schema) if name == full), None)
    kinds = [get_origin(part) for part in (kind, *get_args(kind))]
    if list in kinds or tuple in kinds:
        return "must be a list, such as [a, b]" if "str" in str(kind) else "must be a list, such as [1, 2]"
    return "must hold keys and values" if dict in kinds else ""


def _culprit(schema: type, layer: DictConfig | None) -> str:
    """The first key of a layer that the schema refuses, for errors that do not say; empty if there is none."""
    tried = OmegaConf.structured(schema)
    for name, value in () if layer is None else flat(cast(dict[str, Any], OmegaConf.to_container(layer))):
        try:
            OmegaConf.update(tried, name, value)
        except (*FAULTS, ValueError):
            return name
    return ""


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested dict -> (dotted key, value) of each that is no dict."""
    for key, value in values.items():
        yield from flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]


def _nearest(full: str, schema: type) -> str:
    """A hint to the key that was meant, if any: alike as a whole, or of the same last name in another section."""
    names, last = [name for name, _, _ in keys(schema) if not full.startswith(f"{name}.")], full.rpartition(".")[2]
    same = [name for name in names if name.rpartition(".")[2] == last]
    found = [*same, *close(full, names)]
    if not found:
        alike = close(last, {name.rpartition(".")[2] for name in names})
        found = [name for name in names if name.rpartition(".")[2] in alike]
    return f"did you mean {' or '.join(list(dict.fromkeys(found))[:3])}?" if found else ""
