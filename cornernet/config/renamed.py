"""Old names -> new ones: files from before still hold the old ones, and whoever types one is told the new one."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from cornernet.config.schema import Config

KEYS = {"train.max_bad_steps": "train.max_nonfinite_steps"}  # of a config
OWN_KEYS = {"pictures": "images", "picture": "image"}  # of commands
COLUMNS = {"focal": "heatmap", "regr": "offset", "shift": "grouping"}  # of log.csv


def renewed(values: dict[str, Any]) -> dict[str, Any]:
    """Nested dict of a saved config -> the same with the keys of now; the given one is not changed."""
    for old, new in KEYS.items():
        section, _, name = old.rpartition(".")
        held = values.get(section)
        if isinstance(held, dict) and name in held:
            moved = {new.rpartition(".")[2] if key == name else key: value for key, value in held.items()}
            values = {**values, section: moved}
    return values


def is_saved(values: Mapping[Any, Any]) -> bool:
    """Whether a YAML file is what a run has saved: it names every section, as nobody does who types one."""
    return {item.name for item in fields(Config) if not item.metadata.get("omegaconf_ignore")} <= values.keys()
