"""The one reader of `key=value`: a command's own keys as typed values, and what is left for the config."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cornernet.config import brought
from cornernet.registry import near


class Reader(NamedTuple):
    """How an own key is read."""

    value: Callable[[str], Any]  # raises ValueError saying what the value must be and what was got
    name: str = ""  # of the parameter; empty: that of the key


def read(
    settings: Sequence[str], keys: Mapping[str, Reader], overrides: bool = True
) -> tuple[dict[str, Any], list[str]]:
    """`key=value` texts -> (parameter -> value of the own keys that are given, the others); of several the last holds.

    Raises ValueError, one sentence, for a value that is not allowed, and for a key that is neither an own one nor,
    where there may be overrides, one of a config.
    """
    own, rest = {}, []
    for text in settings:
        key, _, value = text.partition("=")
        if key in keys:
            try:
                own[keys[key].name or key] = keys[key].value(value)
            except ValueError as error:
                raise ValueError(f"{key} {error}") from None
        elif keys and not _of_config(key, overrides):
            raise ValueError(
                (overrides and brought.answer(key)) or f"unknown key {key}{_nearest(key, keys, overrides)}"
            )
        else:
            rest.append(text)
    return own, rest


def _of_config(key: str, overrides: bool) -> bool:
    """Whether it may be a key of a config, which says more about one that has a section."""
    return overrides and ("." in key or re.split(r"\W", key)[0] in _sections())


def _sections() -> list[str]:
    from dataclasses import fields

    from cornernet.config import Config

    return [item.name for item in fields(Config) if not item.metadata.get("omegaconf_ignore")]


def _nearest(key: str, keys: Mapping[str, Reader], overrides: bool) -> str:
    from cornernet.config.renamed import OWN_KEYS

    if OWN_KEYS.get(key) in keys:
        return f": it is called {OWN_KEYS[key]} now"
    hint = near(key, [*keys, *(_sections() if overrides else [])]) or ";"
    listed = ", ".join(own for own, reader in keys.items() if reader.name not in keys)
    return f"{hint} the command takes {listed}" + (" and the keys of the config" if overrides else "")


# -- how values are read: text -> value -------------------------------------------------------------------------


def whole(least: int) -> Callable[[str], int]:
    """Whole number of at least `least`."""

    def value(text: str) -> int:
        if not re.fullmatch(r"\d{1,18}", text) or int(text) < least:
            raise ValueError(f"must be a whole number of at least {least}, got {text!r}")
        return int(text)

    return value


def share(text: str) -> float:
    """Number above 0 and below 1."""
    if not re.fullmatch(r"0?\.\d{1,9}", text) or not float(text):
        raise ValueError(f"must be a number above 0 and below 1, got {text!r}")
    return float(text)


def switch(text: str) -> bool:
    """Whether it is true."""
    if text not in ("true", "false"):
        raise ValueError(f"must be true or false, got {text!r}")
    return text == "true"


def choice(*allowed: str) -> Callable[[str], str]:
    """One of these words."""

    def value(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be {' or '.join(allowed)}, got {text!r}")
        return text

    return value


def path(text: str) -> Path:
    """Path of a file or folder."""
    if not text:
        raise ValueError("must name a file or folder, got nothing")
    return Path(text)


def yaml(text: str) -> Any:
    """What the text says as YAML."""
    from yaml import YAMLError, safe_load

    try:
        return safe_load(text)
    except YAMLError:
        raise ValueError(f"is not readable as YAML, got {text!r}") from None


# Of a command that trains nothing: what of a config it obeys, and what its --help prints.
OBEYS = ("data", "model", "loss", "test", "train.device")
SHOWN = ("data.longest_side", "test", "train.device")
# Of a folder; work_dir names that of a run in a config, and here as well.
OUT = {"out": Reader(path), "work_dir": Reader(path, "out")}
