"""Where the time of a training goes: reading, transforms, the parts of a step, the levels of the backbone."""

import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor, nn

from cornernet.config import Config
from cornernet.data import Source, build_source, train_loader, typed_data
from cornernet.detectors import Detector, canvas
from cornernet.profiling.training_step import CLASSES, OBJECTS, PARTS, made, one_step, place

LOADED = 16  # images that are read at least
BACKBONE, HEADS, TARGETS = "backbone", "heads", "targets"
LEVEL, BETWEEN = "level", f"{BACKBONE}, between layers"


class Part(NamedTuple):
    """A part of a step."""

    name: str
    seconds: float
    bytes: int = 0  # that its layers hand on


class Loading(NamedTuple):
    """What a batch asks of the loader, in one process; seconds."""

    reading: float  # and decoding, and of files what comes first, resizing to data.longest_side
    transforms: float  # and laying the images together

    @property
    def seconds(self) -> float:
        """Both."""
        return self.reading + self.transforms


class Breakdown(NamedTuple):
    """Medians over the steps."""

    parts: list[Part]  # in the order in which they run
    loading: Loading | str  # or why it could not be measured
    workers: int

    @property
    def step(self) -> float:
        """Seconds of a step whose batch is there."""
        return sum(part.seconds for part in self.parts)

    @property
    def waiting(self) -> float:
        """Seconds that a step waits for its batch; workers prepare theirs while steps are computed."""
        if isinstance(self.loading, str):
            return 0.0
        return max(0.0, self.loading.seconds / self.workers - self.step) if self.workers else self.loading.seconds


def break_down(settings: Config, repeats: int = 3) -> Breakdown:
    """Time the parts of training steps on noise, and the loader on the config's own images where they can be had."""
    try:
        source = build_source(settings.data, "train", typed=typed_data(settings))
        loading: Loading | str = load(settings, source)
    except (ValueError, OSError) as error:
        loading = str(error)
    return Breakdown(parts(settings, repeats), loading, settings.data.workers)


def load(settings: Config, source: Source) -> Loading:
    """Time batches of a source as one process makes them; medians, the first batch does not count."""
    timed, batch = TimedSource(source), settings.train.batch_size
    count = 2 + max(1, LOADED // batch)
    data = replace(settings.data, workers=0)
    batches = iter(train_loader(data, timed, batch, seed=settings.seed, steps=count, typed=typed_data(settings)))
    rows = []
    for _ in range(count):
        timed.seconds, start = 0.0, time.perf_counter()
        next(batches)
        rows.append((timed.seconds, time.perf_counter() - start - timed.seconds))
    return Loading(*map(statistics.median, zip(*rows[1:], strict=True)))


class TimedSource:
    """A source that notes the seconds in which it reads images."""

    def __init__(self, source: Source):
        self.source, self.seconds = source, 0.0

    def __getattr__(self, name: str) -> Any:
        """Offer all else as the source does, whose `sized`, if it has one, reads an image too."""
        found = getattr(self.source, name)
        return partial(self._timed, found) if name == "sized" else found

    def __len__(self) -> int:
        """Images in the source."""
        return len(self.source)

    def image(self, index: int) -> Any:
        """Read an image."""
        return self._timed(self.source.image, index)

    def _timed(self, read: Callable[..., Any], *given: Any) -> Any:
        start = time.perf_counter()
        found = read(*given)
        self.seconds += time.perf_counter() - start
        return found


def parts(settings: Config, repeats: int) -> list[Part]:
    """Time steps on noise by their parts, after one that does not count; medians."""
    device = place(settings).device
    torch.manual_seed(settings.seed)
    detector, optimizer, batch = made(settings, CLASSES, OBJECTS, device)
    rounds: list[dict[str, float]] = []
    for _ in range(repeats + 1):
        seconds: dict[str, list[float]] = {name: [] for name in PARTS}
        clock = Clock(device, settings.data.input_size[0])
        with clock.watching(detector):
            one_step(detector, optimizer, batch, settings, seconds)
        rounds.append({**clock.seconds, **{name: seconds[name][0] for name in PARTS[1:]}})
    names = sorted(rounds[0], key=_place)
    return [Part(name, statistics.median(row[name] for row in rounds[1:]), clock.bytes[name]) for name in names]


def _place(name: str) -> tuple[int, int]:
    """Where a part stands in the table: as they run, levels from fine to coarse."""
    order = ("colours", BACKBONE, HEADS, TARGETS, "loss", *PARTS[1:])
    kind, _, stride = name.partition(", stride ")
    return order.index(kind.partition(",")[0]), int(stride or 10**6)


class Clock:
    """Seconds and bytes of the parts of one forward pass; a part within another one is not counted there."""

    def __init__(self, device: torch.device, height: int):
        """Device and height of the images."""
        self.device, self.height = device, height
        self.seconds: dict[str, float] = defaultdict(float)
        self.bytes: dict[str, int] = defaultdict(int)
        self.handed: Tensor | None = None  # by the layer before
        self.running: list[list[float]] = []  # of each part that is running when it began and what is not its own

    @contextmanager
    def watching(self, detector: Detector) -> Iterator[None]:
        """While this lasts, forward passes of a detector are noted; what a backward pass computes again is not."""
        with ExitStack() as stack:
            stack.enter_context(mock.patch.object(canvas, "prepare", self._named("colours", canvas.prepare)))
            if targets := getattr(detector, "targets", None):
                stack.enter_context(mock.patch.object(detector, "targets", self._named(TARGETS, targets)))
            whole = self._named("loss", detector.forward)
            stack.enter_context(mock.patch.object(detector, "forward", whole))
            for module, name in _modules(detector):
                before = module.register_forward_pre_hook(lambda *_: self.begin() if self.running else None)
                after = module.register_forward_hook(lambda _, __, y, name=name: self._left(name, y))
                stack.callback(before.remove)
                stack.callback(after.remove)
            yield
        self.handed = None

    def begin(self) -> None:
        """Begin a part."""
        self.running.append([self._now(), 0.0])

    def end(self, name: str) -> None:
        """End the part that began last, whose name may be known only now."""
        began, inside = self.running.pop()
        whole = self._now() - began
        self.seconds[name] += whole - inside
        if self.running:
            self.running[-1][1] += whole

    def _left(self, name: str, y: Any) -> None:
        if not self.running:
            return
        if not isinstance(y, Tensor) or y.ndim != 4:
            return self.end(BETWEEN if name == LEVEL else name)
        if name == LEVEL:
            name = f"{BACKBONE}, stride {max(1, round(self.height / y.shape[2]))}"
        self.bytes[name] += 0 if y is self.handed else y.nbytes  # of a chain the last layer counts
        self.handed = y
        self.end(name)

    def _named(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            self.begin()
            try:
                return call(*args, **kwargs)
            finally:
                self.end(name)

        return run

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


def _modules(detector: Detector) -> Iterator[tuple[nn.Module, str]]:
    """What is watched of a network: the backbone and its layers, the layers of the heads, the whole."""
    try:
        backbone = list(detector.network.shared().modules())
    except ValueError:  # a detector of one's own need not say what its heads share
        backbone = []
    yield detector.network, HEADS
    for module in detector.network.modules():
        if module in backbone:
            yield module, LEVEL
        elif not any(module.children()):
            yield module, HEADS


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
