"""`profile`: where a training's time and memory go, how they grow, and an estimate of what a node of GPUs would need.

There is no tools/profile.py: the standard library has a module of that name, which a file there would hide.
"""

import math
from collections.abc import Callable
from typing import Any

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import Reader, whole

USAGE = """cornernet profile CONFIG [vary=...|estimate=N] [key=value ...]

Times the parts of the config's training step on random images, down to the levels of the backbone, with the memory, and
the loader on the config's own images where they can be had, and says what to change; or with one of these:
  vary=size      or classes, objects, stacks, batch, all: how time and memory grow, every point in a process of its own
  values=1,2,4   what is tried instead of values around the config's own; sizes are 256 or 192x256
  estimate=8     ESTIMATE of what so many GPUs would need, from counted operations and the figures of an A100
  tflops=312 bandwidth=2.0 memory=80 link=300   TFLOP/s (156 in fp32), TB/s, GB, GB/s sent to others, of another GPU
  estimate=here  the same counting with the rates of this machine, beside its measured step
  repeats=3      steps that are timed, processes a row (2) or rounds
for example
  cornernet profile configs/shapes.yaml data.workers=2
  cornernet profile configs/cornernet.yaml train.batch_size=1
  cornernet profile configs/bccd.yaml vary=batch values=1,2,4 repeats=3
  cornernet profile configs/cornernet.yaml estimate=8 train.batch_size=48 train.precision=bf16"""

HERE = "here"
A100 = {"bandwidth": 2.0, "memory": 80.0, "link": 300.0}  # TB/s, GB, GB/s of NVLink one way, half of the 600 published
OF_ESTIMATE = ("tflops", *A100)


def main(path: str, overrides: list[str], **own: Any) -> None:
    """Measure or estimate what the own keys ask for, and print it."""
    refuse(own)
    from cornernet import config, profiling
    from cornernet.cli import step_tables as tables
    from cornernet.config import ranges

    settings = config.load(path, [*overrides, "model.backbone.weights=''"])  # no cost depends on what the weights are
    ranges.ranges(settings, {**ranges.RANGES, **ranges.TEST_RANGES})
    repeats = own.get("repeats", 3)
    if "vary" in own:
        repeats = own.get("repeats", 2)
        say(tables.growth(settings, profiling.vary(settings, own["vary"], own.get("values", []), repeats), repeats))
    elif own.get("estimate") == HERE:
        say(tables.reality(settings, profiling.check(settings, repeats), repeats))
    elif "estimate" in own:
        say(tables.estimate(profiling.estimate(settings, machine(settings.train.precision, own))))
    else:
        found, parts = profiling.measure(settings, repeats, warm=1), profiling.break_down(settings, repeats)
        say(tables.step(settings, found))
        say(tables.breakdown(parts, profiling.advice(settings, parts, profiling.place(settings), found.peak)))


def refuse(own: dict[str, Any]) -> None:
    """Raise ValueError for own keys that do not go together."""
    for key, other in (("values", "vary"), *((key, "estimate") for key in OF_ESTIMATE)):
        if key in own and other not in own:
            raise ValueError(f"{key} goes with {other}=, which is not given")
    if "vary" in own and "estimate" in own:
        raise ValueError("vary and estimate are two questions; give one of them")
    if own.get("estimate") == HERE and set(own) - {"estimate", "repeats"}:
        raise ValueError(f"estimate={HERE} measures this machine itself; only repeats goes with it")
    if "repeats" in own and own.get("estimate", HERE) != HERE:
        raise ValueError(f"repeats goes with estimate={HERE} alone: an estimate measures nothing")


def machine(precision: str, own: dict[str, Any]) -> Any:
    """Own keys -> the machine that is estimated; an A100 of 80 GB where they say nothing."""
    from cornernet.profiling import GIGA, TERA, Machine, peak_rate

    bandwidth, memory, link = (own.get(key, value) for key, value in A100.items())
    rate = own.get("tflops", peak_rate(precision))
    return Machine(rate * TERA, bandwidth * TERA, memory * GIGA, link * GIGA, own["estimate"])


def devices_or_here(text: str) -> int | str:
    """Read how many devices are estimated, or that it is this machine."""
    try:
        return HERE if text == HERE else whole(1)(text)
    except ValueError:
        raise ValueError(f"must be a whole number of at least 1 or {HERE}, got {text!r}") from None


def positive(text: str) -> float:
    """Read a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError(f"must be a number above 0, got {text!r}")
    return value


def _several(text: str) -> list[str]:
    return [value.strip() for value in text.strip("[]").split(",") if value.strip()]


READERS: dict[str, Callable[[str], Any]] = {
    "repeats": whole(1), "vary": str, "values": _several, "estimate": devices_or_here,
    **dict.fromkeys(OF_ESTIMATE, positive),
}  # fmt: skip
COMMAND = Command(main, USAGE, keys={key: Reader(value) for key, value in READERS.items()})
