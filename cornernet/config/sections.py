"""A section whose keys lie outside the schema: a detector of your own declares them, as a dataclass."""

from dataclasses import fields, make_dataclass
from typing import Any

from omegaconf import OmegaConf

from cornernet.config.messages import FAULTS, sentence


def section(key: str, schema: type, values: dict[str, Any]) -> Any:
    """Dotted key of the section, the dataclass that declares its keys, what was given -> an object of the dataclass.

    Raises ValueError, one sentence with the full key, for one that is unknown, of a wrong type, or has no default and
    was not given: the same sentences as for the keys of the schema.
    """
    whole, given = schema, values
    for name in reversed(key.split(".")):
        whole, given = make_dataclass("Section", [(name, whole)]), {name: given}
    layer = OmegaConf.create(given)
    try:
        return OmegaConf.to_object(OmegaConf.select(OmegaConf.merge(OmegaConf.structured(whole), layer), key))
    except FAULTS as error:
        listed = f"there are {', '.join(item.name for item in fields(schema))}"
        raise ValueError(sentence(error, whole, layer, listed)) from None
