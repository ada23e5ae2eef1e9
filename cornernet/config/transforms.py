"""The section data.transforms: an ordered mapping of transforms to their arguments; null switches one off."""

import re
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

WHOLE = "fit"  # the transform that shows the whole image


def switched_on(transforms: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The mapping -> key -> (name of the transform, its arguments) of those that are on, in their order.

    Raises ValueError for a transform that is given something else than arguments or null, and for a key that is no
    word: what is looked up stands under `name`.
    """
    found = {}
    for key, given in transforms.items():
        if not re.fullmatch(r"\w+", key):
            raise ValueError(f"a key of data.transforms must be a word, with the transform as its name, got {key!r}")
        if given is None:
            continue
        if not isinstance(given, dict):
            raise ValueError(f"data.transforms.{key} must hold arguments, such as {{}}, or be null, got {given!r}")
        found[key] = given.get("name", key), {name: value for name, value in given.items() if name != "name"}
    return found


def whole_images(transforms: dict[str, Any]) -> bool:
    """Whether training sees whole images, fitted into its input."""
    return any(name == WHOLE for name, _ in switched_on(transforms).values())


def start_anew(held: DictConfig, layer: DictConfig) -> None:
    """Empty, in place, the arguments of every transform to which a layer gives another name.

    Raises ValueError for an empty mapping, which merges into nothing and reads as if it switched all off.
    """
    given = OmegaConf.select(layer, "data.transforms", throw_on_resolution_failure=False)
    if isinstance(given, DictConfig) and not given:
        off = ", ".join(f"{key!s}: null" for key in held)
        raise ValueError(f"data.transforms={{}} changes nothing, since keys merge; to switch all off: {{{off}}}")
    for key, given in _of(layer).items():
        before = held.get(key)
        name = given.get("name") if isinstance(given, DictConfig) else None
        if name is not None and isinstance(before, DictConfig) and name != before.get("name", key):
            held[key] = {}


def ordered(held: DictConfig, layer: DictConfig) -> dict[str, Any]:
    """What a layer was merged into -> the same in the layer's order, if that names every transform."""
    keys = list(_of(layer))
    keys = keys if held.keys() <= set(keys) else list(held)
    values = cast(dict[str, Any], OmegaConf.to_container(held))
    return {str(key): values[str(key)] for key in keys}


def _of(layer: DictConfig) -> DictConfig:
    found = OmegaConf.select(layer, "data.transforms", throw_on_resolution_failure=False)
    return found if isinstance(found, DictConfig) else OmegaConf.create({})
