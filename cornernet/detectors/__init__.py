"""The detectors by name. A new detector is a folder with a `build` and one line here.

What each of them offers is said by `Detector`. Built here for training, evaluation, checkpoints and export.
"""

from collections.abc import Callable

from cornernet.config import Config
from cornernet.detectors.anchor.detector import build as build_anchor
from cornernet.detectors.corner.detector import build as build_corner
from cornernet.detectors.detector import Detector, Network, Predicting
from cornernet.detectors.oracle import Oracle

DETECTORS: dict[str, Callable[[Config, int, bool], Detector]] = {"corner": build_corner, "anchor": build_anchor}


def build(config: Config, num_classes: int, with_loss: bool = True) -> Detector:
    """Config and number of classes -> detector with random weights, its convolutional part at `.network`.

    with_loss: without, it predicts alone, and of what the config names under `loss` the grouping loss alone is looked
    up, for how it reads tags. A loss by dotted path is looked up only where the user typed its name, see
    `config.untyped`. Raises ValueError, one
    sentence, for settings that do not go together and for a name that nobody typed.
    """
    if config.model.detector not in DETECTORS:
        raise ValueError(f"model.detector {config.model.detector!r} is unknown; there are: {', '.join(DETECTORS)}")
    return DETECTORS[config.model.detector](config, num_classes, with_loss)


__all__ = [
    "Callable",
    "Config",
    "Detector",
    "Network",
    "Oracle",
    "Predicting",
    "build_anchor",
    "build_corner",
]
