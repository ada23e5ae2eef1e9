"""The detectors by name: a folder or a file of this room that defines `build`; the other files are what they share.

A detector declares

    build(config, num_classes, with_loss) -> Detector    what that offers is said by `cornernet.detectors.detector`
    ROLES                                                the keys of the section `loss` that it has a place for
    places(config) -> those of ROLES                     optional: which of them it has with these settings
    GIVES                                                optional: one of ROLES that it may not have -> overrides, each
                                                         of which gives it that
    unread(config) -> keys                               optional: keys and sections that it does not read with these
                                                         settings, such as `model.anchor`; overrides of them are told
    SECTION                                              optional: a dataclass, the detector's own keys

The keys of SECTION are given as `model.args`, and `build` is given an object of it as its fourth argument. Detectors
are built for training, evaluation, checkpoints and export, also without numbers, on torch's meta device.
"""

import dataclasses
import logging
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType

from cornernet import registry
from cornernet.config import Component, Config, Losses, ranges, section, untyped
from cornernet.detectors import canvas
from cornernet.detectors.detector import Detector, Network, Predicting, lacking
from cornernet.detectors.losses import asked, have_place
from cornernet.detectors.oracle import Oracle
from cornernet.detectors.unread import unread
from cornernet.errors import BadPlugin

log = logging.getLogger(__name__)
PLACES = tuple(item.name for item in dataclasses.fields(Losses))
_OWN = {module.name for module in pkgutil.iter_modules(__path__)}
_MODULES = registry.modules(__name__, __path__)
DETECTORS: dict[str, ModuleType] = {name: found for name, found in _MODULES.items() if hasattr(found, "build")}
if _others := [found for name, found in _MODULES.items() if name not in {*_OWN, *DETECTORS}]:
    raise BadPlugin(f"{_others[0].__file__} defines no build, which a detector must: see {__name__}")


def build(config: Config, num_classes: int, with_loss: bool = True) -> Detector:
    """Config and number of classes -> detector with random weights, its convolutional part at `.network`.

    with_loss: without, it predicts alone, and of what the config names under `loss` the grouping loss alone is looked
    up, for how it reads tags. A loss or detector by dotted path is looked up only where the user typed its name, see
    `config.untyped`. Raises ValueError, one sentence, for settings that do not go together, for a name that nobody
    typed and for a detector that lacks what every one must offer.
    """
    name, found = config.model.detector, kind(config)
    have_place(config, _places(config, found), _gives(found))
    ranges.searching(config)
    own = getattr(found, "SECTION", None)
    if own is None and config.model.args:
        raise ValueError(f"the {name} detector has no keys of its own, got model.args.{next(iter(config.model.args))}")
    args = [] if own is None else [section("model.args", own, config.model.args)]
    built: Detector = found.build(with_colours(config), num_classes, with_loss, *args)
    if missing := lacking(built):
        raise ValueError(f"the {name} detector lacks {missing}: see {Detector.__module__}")
    if config.test.saccade.sides and type(built).glance is Predicting.glance:
        raise ValueError(f"test.saccade.sides: the {name} detector has no attention maps, as model.detector=corner has")
    return built


def with_colours(config: Config) -> Config:
    """Config -> the same with the colours of its backbone where data.mean or data.std is null.

    A detector's own `build` is given it. Raises ValueError for a backbone that is unknown.
    """
    mean, std = canvas.colours(config)
    return dataclasses.replace(config, data=dataclasses.replace(config.data, mean=mean, std=std))


def roles(config: Config) -> dict[str, Component]:
    """The losses that the detector of the config has a place for, and that are not switched off."""
    return asked(config, _places(config, kind(config)))


def unused(config: Config) -> list[str]:
    """Config -> its overrides that its detector does not read with these settings, but for those of a default."""
    found = kind(config)
    return unread(config, found.unread(config)) if hasattr(found, "unread") else []


def tell_unused(config: Config) -> None:
    """Log a warning of one line where there are `unused` overrides."""
    if words := unused(config):
        log.warning("the %s detector does not read %s with these settings", config.model.detector, " ".join(words))


def _places(config: Config, found: ModuleType) -> Sequence[str]:
    return found.places(config) if hasattr(found, "places") else found.ROLES


def _gives(found: ModuleType) -> dict[str, list[str]]:
    """What a detector declares -> keys of losses -> overrides that give it one; of those it never has, to others."""
    gives = {place: list(getattr(found, "GIVES", {}).get(place, ())) for place in found.ROLES}
    for name, other in DETECTORS.items():
        for place in set(other.ROLES) - set(found.ROLES):
            own = getattr(other, "GIVES", {}).get(place, ("",))
            gives.setdefault(place, []).extend(f"model.detector={name} {words}".rstrip() for words in own)
    return gives


def kind(config: Config) -> ModuleType:
    """Config -> what its detector declares, the module with `build`, ROLES and perhaps SECTION.

    Raises ValueError, one sentence, for a name that is unknown, a path that nobody typed or what is no detector.
    """
    name = config.model.detector
    typed = not untyped(config, "model.detector")
    found = registry.find("detector", name, DETECTORS, __name__, typed)
    if not hasattr(found, "build"):  # a path may lead to the function itself, too
        found = sys.modules.get(getattr(found, "__module__", ""), found)
    if not callable(getattr(found, "build", None)):
        raise ValueError(f"model.detector={name} defines no build, which a detector must: see {__name__}")
    held, own = getattr(found, "ROLES", ()), getattr(found, "SECTION", Config)
    if not isinstance(held, (tuple, list)) or not held or not set(held) <= set(PLACES):
        raise ValueError(f"the {name} detector must declare ROLES, some of {', '.join(PLACES)}, got {held!r}")
    if not dataclasses.is_dataclass(own):
        raise ValueError(f"the {name} detector must declare a dataclass as its SECTION, got {own!r}")
    return found


__all__ = [
    "DETECTORS",
    "Detector",
    "Network",
    "Oracle",
    "Predicting",
    "build",
    "kind",
    "roles",
    "tell_unused",
    "unused",
    "with_colours",
]
