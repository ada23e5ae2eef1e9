"""From the section data.transforms to what loader processes do to a sample, and what is left to the device."""

import inspect
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from cornernet import registry
from cornernet.arguments import bound
from cornernet.config import Data
from cornernet.config.ranges import allow
from cornernet.config.transforms import switched_on
from cornernet.data.geometry import clip, resize_longest
from cornernet.data.storage import Away
from cornernet.data.streams import stream
from cornernet.data.transforms import PLACES, TRANSFORMS
from cornernet.structures import LabelledImage, Numbers
from cornernet.system.wording import kind

INPUTS = {"worker": 2, "device": 1}  # what functions are called with by position: sample and stream, stream alone
ASKED = {"others", "progress"}  # what a function is given anew for every sample if it names it
WANTED = "must give an image [H, W, 3] uint8, boxes [n, 4] and labels [n]"


class Use(NamedTuple):
    """A transform as a config uses it."""

    label: str  # its key in the config
    call: Callable[..., Any]  # in the loader process, the arguments of the config bound
    asks: frozenset[str]  # those of ASKED that it names
    change: Callable[..., Any] | None  # on the device; None: it is done in the loader process
    on_colours: bool  # whether the change is a matrix on colours


class Pipeline(NamedTuple):
    """All that is done to a training image."""

    uses: tuple[Use, ...] = ()
    input_size: tuple[int, int] = (0, 0)  # (height, width) of what comes out
    longest_side: int | None = None  # to which images are resized before the first transform

    def changes(self) -> list[Use]:
        """Those that are done on the device, in their order."""
        return [use for use in self.uses if use.change is not None]


def build(data: Data, typed: bool = False) -> Pipeline:
    """Data section -> its transforms, arguments bound and held to their ranges.

    typed: the user typed their names, so that one may be the dotted path of their own. Raises ValueError, one sentence,
    for an unknown transform, and for an argument that is unknown, missing, mistyped or out of range.
    """
    size = (data.input_size[0], data.input_size[1])
    uses = [_use(key, name, args, size, typed) for key, (name, args) in switched_on(data.transforms).items()]
    return Pipeline(tuple(uses), size, data.longest_side)


def _use(key: str, name: str, args: dict[str, Any], input_size: tuple[int, int], typed: bool) -> Use:
    label = f"data.transforms.{key}"
    function, file = _found(label, name, typed)
    if (place := getattr(file, "WHERE", None)) not in PLACES:
        raise ValueError(f"{label}: {name} declares WHERE = {place!r}, expected {' or '.join(map(repr, PLACES))}")
    parameters = _parameters(function)
    given = {"input_size": input_size} if "input_size" in parameters else {}
    call = bound(label, function, args, given, INPUTS[place], called=ASKED)
    for argument, allowed in getattr(file, "RANGES", {}).items():
        default = parameters[argument].default if argument in parameters else None
        allow(f"{label}.{argument}", args.get(argument, default), allowed)
    changes = [getattr(file, way, None) for way in ("change", "change_colours")]
    if place == "device" and not any(map(callable, changes)):
        raise ValueError(f"{label}: {name} runs on the device, and must define change or change_colours")
    change = next(filter(callable, changes), None) if place == "device" else None
    return Use(label, call, frozenset(ASKED & parameters.keys()), change, change is not None and change is changes[1])


def _found(label: str, name: str, typed: bool) -> tuple[Callable[..., Any], Any]:
    """Name, or dotted path of a file or of the function in it -> the function, and what declares where it runs."""
    found = registry.find("transform", name, TRANSFORMS, "cornernet.data.transforms", typed)
    file = found if isinstance(found, ModuleType) else sys.modules.get(getattr(found, "__module__", None) or "")
    function = registry.own(found)
    if not inspect.isroutine(function):
        raise ValueError(f"{label}: {name} must be a function, or a file with a function of its own name")
    return function, file


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


def run(
    pipeline: Pipeline, numbers: tuple[int, ...], read: Callable[[int], LabelledImage], length: int,
    progress: float = 0.0,
) -> tuple[LabelledImage, tuple[Numbers, ...]]:  # fmt: skip
    """Do what loader processes do -> sample of the input's size, numbers of the changes that are left to the device.

    numbers: seed, epoch and index, the image's position in the set; read: position -> image and boxes in its pixels;
    length of the set; progress: share of the run that is done. Raises ValueError, one sentence, where a transform does
    not give a sample.
    """
    fetch = partial(_fetched, read, pipeline.longest_side)
    sample, drawn = fetch(numbers[-1]), []
    for use in pipeline.uses:
        rng = stream(use.label, *numbers)
        given = (rng,) if use.change else (sample, rng)
        named = {"others": partial(_others, rng, fetch, length), "progress": progress}
        try:
            found = use.call(*given, **{name: named[name] for name in use.asks})
        except (OSError, Away):  # of an image that was asked for
            raise
        except Exception as error:  # someone else's function may fail in any way
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise ValueError(f"{use.label} failed on image {numbers[-1]} of the set: {reason}") from error
        if use.change:
            drawn.append(_numbers(use.label, found))
        else:
            sample = _sound(use.label, found)
    return _final(sample, pipeline.input_size), tuple(drawn)


def _fetched(read: Callable[[int], LabelledImage], longest_side: int | None, index: int) -> LabelledImage:
    """An image of the set as it is before the first transform."""
    image, boxes, labels = read(index)
    return LabelledImage(*resize_longest(image, boxes.astype(np.float64), longest_side), labels)


def _others(
    rng: np.random.Generator, fetch: Callable[[int], LabelledImage], length: int, count: int
) -> list[LabelledImage]:
    """Draw further images of the set, any of them."""
    return [fetch(int(index)) for index in rng.integers(length, size=count)]


def _sound(label: str, found: Any) -> LabelledImage:
    """What a transform gave -> the sample, its boxes clipped to the image."""
    if not isinstance(found, tuple) or len(found) != 3 or not all(isinstance(x, np.ndarray) for x in found):
        raise ValueError(f"{label} {WANTED}, got {kind(found, 'nothing')}")
    image, boxes, labels = found
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or boxes.shape != (len(labels), 4):
        got = f"an image {list(image.shape)} {image.dtype}, boxes {list(boxes.shape)} and labels {list(labels.shape)}"
        raise ValueError(f"{label} {WANTED}, got {got}")
    return LabelledImage(image, *clip(boxes, labels, image.shape))


def _numbers(label: str, found: Any) -> Numbers:
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise ValueError(f"{label} must give the numbers that it draws by their names, got {kind(found, 'nothing')}")
    return found


def _final(sample: LabelledImage, input_size: tuple[int, int]) -> LabelledImage:
    """The sample as it is batched; raises ValueError for another size than the input's."""
    if sample.image.shape[:2] != input_size:
        (height, width), (rows, columns) = input_size, sample.image.shape[:2]
        raise ValueError(
            f"data.transforms leave an image of {columns}x{rows} pixels where the input has {width}x{height}: "
            "crop takes a part of the image to its size, data.transforms.fit={} the whole"
        )
    boxes, labels = clip(sample.boxes.astype(np.float32), sample.labels, input_size)
    return LabelledImage(np.ascontiguousarray(sample.image), boxes, labels)
