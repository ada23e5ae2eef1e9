"""The way from a config's section model.backbone to a backbone. The dict is filled from the folder, at the door."""

import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from cornernet import registry
from cornernet.arguments import accepted, bound
from cornernet.backbones import pretrained
from cornernet.backbones.backbone import Backbone
from cornernet.config import Backbone as Settings
from cornernet.system.wording import kind

BACKBONES: dict[str, Callable[..., Backbone]] = {}  # name -> function or class
OFFERED = ("strides", "channels", "multiple")
# BGR, of images in 0..1: CornerNet's, for a backbone that says nothing of its own
MEAN, STD = (0.40789654, 0.44719302, 0.47026115), (0.28863828, 0.27408164, 0.27809835)


def members(package: str, path: list[str], parts: tuple[str, ...]) -> dict[str, Callable[..., Backbone]]:
    """`__name__` and `__path__` of a folder -> name -> what makes a backbone, of every file but these parts.

    Raises ImportError for a file without what it is named after, or without one of the NAMES that it declares.
    """
    files = {name: file for name, file in registry.modules(package, path).items() if name not in parts}
    return {name: makes for file_name, file in files.items() for name, makes in _declared(file_name, file)}


def _declared(file_name: str, file: ModuleType) -> Iterator[tuple[str, Callable[..., Backbone]]]:
    for name in getattr(file, "NAMES", (file_name,)):
        if not callable(getattr(file, name, None)):
            raise ImportError(f"{file.__file__} must define {name}, a function or class that makes the backbone")
        yield name, getattr(file, name)


def build(settings: Settings, typed: bool = False, **known: Any) -> Backbone:
    """Section model.backbone -> backbone with random weights, or those of the file that it names, or of ImageNet.

    known: what the detector knows, given to a backbone that names it: out_channels, the width it reads. typed: the user
    wrote the name, so that it may be a dotted path. Raises ValueError, one sentence, for an unknown name, for an
    unknown, missing or mistyped argument and for what is no backbone, and what the backbone itself raises.
    """
    label, makes, keys = f"backbone {settings.name!r}", _find(settings, typed), takes(settings, typed)
    if settings.weights and "weights" not in keys:
        raise ValueError(
            f"model.backbone.weights={settings.weights} does not go with model.backbone.name={settings.name}, which "
            "reads no such file; train.init starts from a checkpoint"
        )
    if own := [key for key in settings.args if key in keys]:
        raise ValueError(f"{label} has its {own[0]} from model.backbone.{own[0]}, not from model.backbone.args")
    variant = {"variant": settings.name.partition("/")[2]} if "/" in settings.name else {}
    given = {**{key: getattr(settings, key) for key in keys}, **accepted(makes, {**known, **variant})}
    made = bound(label, makes, settings.args, given)
    return _checked(label, made if isinstance(makes, type) else made())


def takes(settings: Settings, typed: bool = False) -> tuple[str, ...]:
    """The keys of model.backbone that a backbone has beside its args: those that its file declares as KEYS."""
    return tuple(_declares(settings, typed, "KEYS", ()))


def colours(settings: Settings, typed: bool = False) -> pretrained.Colours:
    """Section model.backbone -> mean and standard deviation, BGR, of images in 0..1, that go with the backbone.

    Raises ValueError as `build` does for a name.
    """
    return _declares(settings, typed, "colours", lambda name: (MEAN, STD))(settings.name)


def _declares(settings: Settings, typed: bool, what: str, default: Any) -> Any:
    """What the file of a backbone declares beside it."""
    makes = _find(settings, typed)
    return getattr(sys.modules.get(getattr(makes, "__module__", None) or ""), what, default)


def _find(settings: Settings, typed: bool) -> Callable[..., Backbone]:
    family = settings.name.partition("/")[0]
    several = family in BACKBONES and accepted(BACKBONES[family], {"variant": ""})  # models under one name
    name = family if several else settings.name
    found = registry.own(registry.find("backbone", name, BACKBONES, "cornernet.backbones", typed))
    if inspect.ismodule(found) or not callable(found):
        raise ValueError(f"backbone {settings.name!r} is {kind(found, 'None')}, expected a function or a class")
    return found


def _checked(label: str, made: Any) -> Backbone:
    """The backbone; raises ValueError for what is none or does not say what it offers."""
    if not isinstance(made, Backbone):
        raise ValueError(f"{label} makes {kind(made, 'nothing')}, expected a cornernet.backbones.Backbone")
    lacks = [name for name in OFFERED if not hasattr(made, name)]
    lacks += [name for name in ("forward", "segments") if getattr(type(made), name) is getattr(Backbone, name)]
    if lacks:
        raise ValueError(f"{label} has no {lacks[0]}; see cornernet.backbones.Backbone for what it must offer")
    strides, count = list(made.strides), len(made.channels)
    if not count or strides != [strides[0] << i for i in range(count)] or strides[0] & (strides[0] - 1):
        raise ValueError(
            f"{label} has levels of strides {strides} and channels {list(made.channels)}, expected as many of both, "
            "and strides that are powers of two, each twice the one before"
        )
    return made
