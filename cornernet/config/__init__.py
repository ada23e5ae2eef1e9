"""Settings: the schema of every key, the way from YAML files and overrides to its dataclasses, ranges and messages.

Called by every room: inside the package settings are these dataclasses, never text.
"""

from cornernet.config.inheritance import read as read_file
from cornernet.config.load import from_container, load, override, save, text, to_dict, untyped
from cornernet.config.schema import (
    Anchor,
    Attention,
    Backbone,
    Cards,
    Centre,
    Component,
    Config,
    Data,
    Head,
    Losses,
    Model,
    Nms,
    Pairing,
    Precision,
    Region,
    Saccade,
    ScoreWeights,
    Shapes,
    Slices,
    Split,
    Test,
    Train,
    Validation,
)
from cornernet.config.sections import section

__all__ = [
    "Anchor", "Attention", "Backbone", "Cards", "Centre", "Component", "Config", "Data", "Head", "Losses", "Model",
    "Nms", "Pairing", "Precision", "Region", "Saccade", "ScoreWeights", "Shapes", "Slices", "Split", "Test", "Train",
    "Validation",
    "from_container", "load", "override", "read_file", "save", "section", "text", "to_dict", "untyped",
]  # fmt: skip
