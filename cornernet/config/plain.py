"""A config as plain values: what one holds, and what one that comes inside a file may hold."""

import dataclasses
from typing import Any

PLAIN = (dict, list, tuple, str, int, float, type(None))
SAVED = {"values": 4000, "depth": 16, "text": 4000}  # what a config that comes inside a file may hold; ours has 300


def check(values: dict[str, Any]) -> None:
    """Raise ValueError for a saved config that is endless, deep, large or not plain; what it shares counts anew."""
    left, count = [(values, 0)], 0
    while left:
        value, depth = left.pop()
        if not isinstance(value, PLAIN) or (isinstance(value, str) and len(value) > SAVED["text"]):
            raise ValueError(f"the saved config holds no plain values of at most {SAVED['text']} characters alone")
        inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        inner = inner if isinstance(inner, (list, tuple)) else ()
        count += 1 + len(inner)
        if count > SAVED["values"] or depth > SAVED["depth"]:
            raise ValueError(
                f"the saved config holds more than {SAVED['values']} values or {SAVED['depth']} inside each other"
            )
        left += [(x, depth + 1) for x in inner]


def held(value: Any) -> Any:
    """Config -> its values by name, neither checked nor converted: a building asks for them ten times, at no cost."""
    if dataclasses.is_dataclass(value):
        return {key: held(inner) for key, inner in vars(value).items()}
    return [held(inner) for inner in value] if isinstance(value, (list, tuple)) else value
