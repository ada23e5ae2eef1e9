"""Old names -> new ones: files from before still hold the old ones, and whoever types one is told the new one."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from cornernet.config.schema import Config

KEYS = {  # of a config
    "train.max_bad_steps": "train.max_nonfinite_steps",
    "test.pair_penalty": "test.weights.distance",
}
AUGMENT = {  # keys of the section data.augment -> what has their place in data.transforms
    "crop": "crop",
    "scales": "crop.scales",
    "border": "crop.border",
    "flip": "flip.p",
    "flip_vertical": "flip.vertical",
    "colour": "colour.strength",
    "lighting": "lighting.std",
}
GROUPING = {  # values of loss.grouping.name
    f"{path}centripetal": "half_sides"
    for path in ("", "cornernet.losses.grouping.", "cornernet.losses.grouping.centripetal.")
}
OWN_KEYS = {"pictures": "images", "picture": "image"}  # of commands
COLUMNS = {"focal": "heatmap", "regr": "offset", "shift": "grouping"}  # of log.csv


def renewed(values: dict[str, Any]) -> dict[str, Any]:
    """Nested dict of a saved config -> the same with the keys of now; the given one is not changed."""
    for old, new in KEYS.items():
        section, _, name = old.rpartition(".")
        held = values.get(section)
        if isinstance(held, dict) and name in held:
            kept = {key: value for key, value in held.items() if key != name}
            values = {**values, section: _placed(kept, new.removeprefix(f"{section}.").split("."), held[name])}
    loss = values.get("loss")
    if isinstance(loss, dict) and isinstance(loss.get("grouping"), dict):
        if now := GROUPING.get(str(loss["grouping"].get("name"))):
            values = {**values, "loss": {**loss, "grouping": {**loss["grouping"], "name": now}}}
    data = values.get("data")
    if isinstance(data, dict) and isinstance(data.get("augment"), dict) and data["augment"].keys() <= AUGMENT.keys():
        kept = {key: value for key, value in data.items() if key != "augment"}
        values = {**values, "data": {**kept, "transforms": _transforms(data["augment"])}}
    return values


def _placed(section: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """Section -> the same with a value at a path of keys below it."""
    first, *rest = path
    held = section.get(first)
    return {**section, first: _placed(held if isinstance(held, dict) else {}, rest, value) if rest else value}


def _transforms(augment: dict[str, Any]) -> dict[str, Any]:
    """Section data.augment of a saved config -> data.transforms that do the same."""
    crop = {key: augment[key] for key in ("scales", "border") if key in augment}
    return {
        **({"crop": crop} if augment.get("crop", True) else {"fit": {}}),
        "flip": {"p": augment.get("flip", 0.5), "vertical": augment.get("flip_vertical", 0.0)},
        "colour": {"strength": augment.get("colour", 0.4)},
        "lighting": {"std": augment.get("lighting", 0.1)},
    }


def now(key: str, layer: Any = None) -> str:
    """Key that somebody typed, and the section it may be -> what it is called now, or ""."""
    if key == "data.augment":
        first = next((name for name in layer if name in AUGMENT), "") if isinstance(layer, Mapping) else ""
        return now(f"{key}.{first}") if first else "data.transforms is in its place, see docs/transforms.md"
    if key in KEYS:
        return f"{key} is called {KEYS[key]} now"
    section, _, name = key.rpartition(".")
    if section != "data.augment" or name not in AUGMENT:
        return ""
    off = "; for false type data.transforms.crop=null data.transforms.fit={}" if name == "crop" else ""
    return f"{key} is called data.transforms.{AUGMENT[name]} now{off}"


def is_saved(values: Mapping[Any, Any]) -> bool:
    """Whether a YAML file is what a run has saved: it names every section, as nobody does who types one."""
    return {item.name for item in fields(Config) if not item.metadata.get("omegaconf_ignore")} <= values.keys()
