"""What two configs set differently, by dotted key."""

import json
from typing import Any

from cornernet.config.load import from_container, to_dict
from cornernet.config.schema import Config


def differences(before: dict[str, Any], after: Config) -> dict[str, str]:
    """Config as a checkpoint holds it, and that of now -> `key: before -> now` of every key whose value differs.

    A key that the checkpoint does not have yet counts with its default. Raises ValueError for one that is unknown.
    """
    return {key: f"{key}: {old} -> {new}" for key, (old, new) in apart(from_container(before), after).items()}


def apart(one: Config, other: Config) -> dict[str, tuple[str, str]]:
    """Two configs -> every key whose value differs, with both values as one types them."""
    first, second = flat(to_dict(one)), flat(to_dict(other))
    keys = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    return {key: (_yaml(first.get(key)), _yaml(second.get(key))) for key in keys}


def flat(values: dict[str, Any], start: str = "") -> dict[str, Any]:
    """Nested dict -> values by dotted key."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{start}{key}.") if isinstance(value, dict) else {f"{start}{key}": value}
    return found


def _yaml(value: Any) -> str:
    value = list(value) if isinstance(value, tuple) else value
    return json.dumps(value, ensure_ascii=False) if value is None or isinstance(value, bool) else str(value)
