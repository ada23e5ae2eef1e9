"""A section whose keys lie outside the schema: a detector of your own declares them, as a dataclass."""

from dataclasses import fields
from typing import Any

from omegaconf import OmegaConf

from cornernet.config.messages import FAULTS, sentence


def section(key: str, schema: type, values: dict[str, Any]) -> Any:
    """Dotted key of the section, the dataclass that declares its keys, what was given -> an object of the dataclass.

    Raises ValueError, one sentence with both keys, for one that is unknown, of a wrong type, or has no default and was
    not given: the same sentences as for the keys of the schema.
    """
    layer = None
    try:
        layer = OmegaConf.create(values)
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), layer))
    except FAULTS as error:
        listed = f"there are {', '.join(item.name for item in fields(schema))}"
        raise ValueError(f"{key}: {sentence(error, schema, layer, listed)}") from None
