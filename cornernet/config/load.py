"""The way from YAML files and overrides to the plain dataclasses of `schema`, and back."""

import dataclasses
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, ListConfig, OmegaConf

from cornernet.config import elsewhere, plain, renamed, shipped, transforms
from cornernet.config import overrides as reading
from cornernet.config.inheritance import layers
from cornernet.config.messages import FAULTS, sentence
from cornernet.config.schema import Config, Model
from cornernet.system import writing

# parts of the network that have a name and arguments
PARTS = [item.name for item in dataclasses.fields(Model) if {"name", "args"} <= set(dir(getattr(Model(), item.name)))]


def load(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """YAML file, or shipped one by name, with its bases, then `a.b=c` overrides, checked against the schema -> Config.

    All of it counts as typed.

    Raises FileNotFoundError for a missing file and ValueError, one sentence, for anything wrong in it.
    """
    merged = _defaults().copy()
    for source, layer in layers(shipped.find(path)):
        _merge(merged, _of_now(layer), str(source))
    return dataclasses.replace(from_container(_overridden(merged, overrides), typed=True), overrides=tuple(overrides))


def override(config: Config, overrides: Sequence[str]) -> Config:
    """Config and `a.b=c` overrides -> new Config, in which these count as typed; raises ValueError as `load` does."""
    changed = from_container(_overridden(OmegaConf.structured(config), overrides))
    words = elsewhere.typed(_plain(reading.layer(overrides)))
    return dataclasses.replace(changed, typed=config.typed | words, overrides=(*config.overrides, *overrides))


def untyped(config: Config, *parts: str) -> list[str]:
    """Return what may lead to code from elsewhere and was not typed, as one types it.

    parts: sections of the config, `loss`, `model`, `data.transforms`; without any all that a training computes with,
    which its metric and its callbacks are no part of.
    """
    asked = elsewhere.needed(plain.held(config), parts or ("model", "data", "loss"))
    return [word for word in asked if word not in config.typed]


def from_container(values: dict[str, Any] | DictConfig, typed: bool = False) -> Config:
    """Plain dict, as a checkpoint holds it, or DictConfig -> Config; raises ValueError where it does not fit.

    typed: the user typed all of it, so that it may name losses by dotted path; what a file brings along may not.
    In a plain dict nothing is looked up: a checkpoint of someone else could ask for variables of the environment.
    """
    if not isinstance(values, DictConfig):
        plain.check(values)
        if "${" in str(values):
            raise ValueError("the saved config asks to look something up by ${...}, which only a YAML file may")
        merged = _defaults().copy()
        _merge(merged, OmegaConf.create(renamed.renewed(values)), "the saved config")
        values = merged
    try:
        found = cast(Config, OmegaConf.to_object(values))
    except FAULTS as error:
        raise ValueError(sentence(error, Config)) from None
    return dataclasses.replace(found, typed=elsewhere.typed(plain.held(found))) if typed else found


@cache
def _defaults() -> DictConfig:
    """The schema with its defaults, to be copied: that takes a quarter of the time that to read it takes."""
    return OmegaConf.structured(Config)


def to_dict(config: Config) -> dict[str, Any]:
    """Config -> nested plain dict of YAML types, for saving."""
    return _plain(OmegaConf.structured(config))


def _plain(config: DictConfig) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(config))


def save(config: Config, path: str | Path) -> None:
    """Write the resolved config as YAML; the old file stands until the new one is whole."""
    writing.write(path, text(config))


def text(config: Config) -> str:
    """Config -> the resolved YAML."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def _overridden(config: DictConfig, overrides: Sequence[str]) -> DictConfig:
    for text in _names_first(overrides):
        key, equals, _ = text.partition("=")
        if not equals or not key or text.startswith("-"):
            raise ValueError(
                f"got {text!r} where an override key=value was expected, for example train.lr=1e-4 "
                "(--help lists the keys)"
            )
        layer = None
        try:
            layer = _in_full(typed := reading.layer([text]))
            _start_anew(config, layer)
            if layer is typed:
                OmegaConf.update(config, *reading.read(text))
            else:
                config.merge_with(layer)
            _order(config, layer)
        except FAULTS as error:
            raise ValueError(f"{text}: {sentence(error, Config, layer)}") from None
        except Exception as error:  # the YAML reader's own exceptions, for a value such as [1,2
            reason = str(error).partition("\n")[0]
            raise ValueError(f"{text}: the value is not readable as YAML: {reason}") from None
    return config


def _names_first(overrides: Sequence[str]) -> list[str]:
    """Overrides in the order in which they are merged: a new name empties the args, in whatever order they were typed.

    That of a transform goes before its own arguments alone, since transforms keep the order of typing.
    """
    names = re.compile(rf"(loss\.\w+|model\.({'|'.join(PARTS)}))(\.name)?=|model\.detector=")
    begins: dict[str, int] = {}  # where the keys of a transform begin, or begin anew behind a whole value
    ranked = []
    for place, text in enumerate(sorted(overrides, key=lambda text: not names.match(text))):
        key, end = found.groups() if (found := re.match(r"(data\.transforms\.\w+)(=|\.name=|\.)", text)) else ("", "")
        begins[key] = place if end in ("", "=") else begins.get(key, place)
        ranked.append((begins[key], 1, text) if end == ".name=" else (place, 0 if end == "=" else 2, text))
    return [text for *_, text in sorted(ranked, key=lambda item: item[:2])]


def _of_now(layer: DictConfig) -> DictConfig:
    """A YAML file's keys; those that a run has saved get the names of now."""
    return OmegaConf.create(renamed.renewed(_plain(layer))) if renamed.is_saved(layer) else layer


def _merge(config: DictConfig, layer: DictConfig, source: str) -> None:
    """Merge one layer in place."""
    try:
        layer = _in_full(layer)
        _start_anew(config, layer)
        config.merge_with(layer)
        _order(config, layer)
    except FAULTS as error:
        raise ValueError(f"{source}: {sentence(error, Config, layer)}") from None
    except ValueError as error:
        if "invalid literal for int" not in str(error):  # which OmegaConf raises for a mapping in place of a list
            raise
        raise ValueError(f"{source}: {sentence(error, Config, layer)}") from None


def _in_full(layer: DictConfig) -> DictConfig:
    """A layer in which a list stands as loss.feature, or one number as a tile's size -> the same as the schema has it.

    The list becomes loss.features in place of the one loss, the number both sides of the tile.
    """
    given, side = (
        OmegaConf.select(layer, key, throw_on_resolution_failure=False) for key in ("loss.feature", "test.slices.size")
    )
    changed = layer.copy() if isinstance(given, ListConfig) or type(side) is int else layer
    if isinstance(given, ListConfig):
        changed.loss.feature, changed.loss.features = {"name": "none"}, given
    if type(side) is int:
        changed.test.slices.size = [side, side]
    return changed


def _start_anew(config: DictConfig, layer: DictConfig) -> None:
    """Arguments and weight belong to what they were written for: another name starts with its own.

    A saved config says all about the transforms: the defaults of now are none of its.
    """
    if renamed.is_saved(layer):
        config.data.transforms = {}
    else:
        transforms.start_anew(config.data.transforms, layer)
    model = config.model
    owners = {"model.detector": model, **{f"model.{part}.name": model[part] for part in PARTS}}
    for key, section in owners.items():
        name = OmegaConf.select(layer, key, throw_on_resolution_failure=False)
        if name is not None and name != OmegaConf.select(config, key):
            section.args = {}
    for role in (role for role in config.loss if role != "features"):
        name = OmegaConf.select(layer, f"loss.{role}.name", throw_on_resolution_failure=False)
        if name is not None and name != config.loss[role].name:
            config.loss[role].args, config.loss[role].weight = {}, None


def _order(config: DictConfig, layer: DictConfig) -> None:
    config.data.transforms = transforms.ordered(config.data.transforms, layer)
