"""Numbers and values in sentences: one image and two images, and values as one types them."""

import json
import re
from typing import Any

KINDS = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "a mapping"}


def counted(count: int, noun: str) -> str:
    """Count and its noun, `1 image`, `2 images`, `0 unreadable images`; the noun is given for one."""
    return f"{count} {plural(count, noun)}"


def plural(count: int, noun: str) -> str:
    """The noun, given for one, as it stands behind a count."""
    if count == 1:
        return noun
    if re.search(r"[^aeiou]y$", noun):
        return f"{noun[:-1]}ies"
    return f"{noun}{'es' if re.search(r'(s|x|ch)$', noun) else 's'}"


def none_of(count: int, noun: str) -> str:
    """`none of the 3 images`, and of one `no image`."""
    return f"none of the {counted(count, noun)}" if count != 1 else f"no {noun}"


def typed(value: Any) -> str:
    """Value as one types it in YAML: null, true, 3.5, [1, 2], {a: 1}; a text in quotes."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(typed, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {typed(x)}' for key, x in value.items())}}}"
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)


def kind(value: Any, nothing: str = "null") -> str:
    """What a value is, for one that is of another kind than it must be: `a list`, `a Tensor`; nothing: what None is.

    That is null in a file, and None or nothing in Python.
    """
    return nothing if value is None else KINDS.get(type(value), f"a {type(value).__name__}")
