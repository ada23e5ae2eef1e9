"""Words of a config that lead to code from elsewhere: dotted paths of parts, of losses at any depth of the arguments.

They count where the user typed them, in a YAML file or on a command line, never because a checkpoint holds them.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

PLAIN = re.compile(r"\w*")  # a text that names no module, no file and no command
# keys that hold a name which is looked up
NAMES = re.compile(
    r"loss\..*|model\.detector|model\.(backbone|region|pairing)\.name|data\.name|data\.format|"
    r"data\.transforms\.\w+\.name|train\.metric|train\.callbacks"
)
# a part of the package by its path, or a model of a library's by its name
OWN = re.compile(
    r"loss\.(\w+)\.name=cornernet\.losses\.\1\.(\w+)\.\2|model\.detector=cornernet\.detectors\.\w+|"
    r"loss\.pair\.name=cornernet\.losses\.classification\.(\w+)\.\3|"
    r"loss\.(?:centre|attention|verify)\.name=cornernet\.losses\.heatmap\.(\w+)\.\4|"
    r"loss\.(guiding|shift|size)\.name=cornernet\.losses\.offset\.(\w+)\.\6|"
    r"model\.backbone\.name=timm/\w+(\.\w+)?"
)


def typed(values: dict[str, Any]) -> frozenset[str]:
    """Config, or a part of one, as plain values -> every text in it as one types it, `loss.box.name=giou`."""
    return frozenset(_word(key, value) for key, value in _leaves(values, "") if any(_texts(value)))


def needed(values: dict[str, Any], parts: Iterable[str]) -> list[str]:
    """Config as plain values -> what of these parts of it may lead to code or files from elsewhere.

    parts: keys of sections, `model`, `loss.box`. Of a loss every argument counts, elsewhere the names alone.
    """
    asked = tuple(f"{part}." for part in parts)
    found = ((key, value) for key, value in _leaves(values, "") if f"{key}.".startswith(asked) and NAMES.fullmatch(key))
    words = [_word(key, value) for key, value in found if any(not PLAIN.fullmatch(x) for x in _texts(value))]
    return [word for word in words if not OWN.fullmatch(word)]


def refusal(source: str, words: list[str]) -> str:
    """Who asks for it, words as `needed` gives them -> the sentence that names the first and says what to type."""
    key, _, value = words[0].partition("=")
    role = key.split(".")[1]
    named = f"{source} names the {role} loss {value}" if key == f"loss.{role}.name" else f"{source} holds {words[0]}"
    return f"{named}, which is code from elsewhere; if you trust it, say so: {' '.join(map(shlex.quote, words))}"


def _word(key: str, value: Any) -> str:
    """`key=value` as one types it, whatever it was read from."""
    return f"{key}={yaml.safe_dump(value, default_flow_style=True, width=10**9).strip().removesuffix('...').strip()}"


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Nested dict -> its other values by dotted key; a list counts as one value, but for that of losses."""
    value = dict(enumerate(value)) if key == "loss.features" and isinstance(value, (list, tuple)) else value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value and in the lists and dicts inside it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for part in pair for text in _texts(part))
    elif isinstance(value, (list, tuple)):
        yield from (text for part in value for text in _texts(part))
