"""Overrides that a detector does not read with these settings: to be told, since they change nothing.

Not refused, for one set of overrides may serve several detectors; and of the overrides alone, since a config file may
build on that of another detector.
"""

from collections.abc import Iterable, Iterator
from typing import cast

from omegaconf import OmegaConf

from cornernet.config import Config, to_dict
from cornernet.config.differences import flat
from cornernet.config.overrides import layer


def unread(config: Config, keys: Iterable[str]) -> list[str]:
    """Config and the keys and sections that its detector does not read -> overrides of these or of keys in them.

    One that gives the default is none. Of one that sets keys that are read, too, the others by name.
    """
    now, default = flat(to_dict(config)), flat(to_dict(Config()))
    starts = tuple(f"{key}." for key in keys)
    found: list[str] = []
    for text in config.overrides:
        changed = [key for key in _keys(text) if now.get(key) != default.get(key)]
        lost = [key for key in changed if f"{key}.".startswith(starts)]
        found += [text] if lost and lost == changed else lost
    return found


def _keys(text: str) -> Iterator[str]:
    """An override -> the keys that it sets."""
    yield from flat(cast(dict, OmegaConf.to_container(layer([text]))))
