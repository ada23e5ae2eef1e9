"""What `tools/benchmark.py` is asked for: which of its own keys were given, the rest being those of the config."""

import math
from collections.abc import Sequence
from pathlib import Path

from cornernet import config
from cornernet.config import Config, ranges
from cornernet.profiling import estimate, growth, reality, table, training_step

KEYS = {  # own keys -> the key that they go with; None stands alone
    "vary": None, "estimate": None, "repeats": None, "values": "vary",
    "tflops": "estimate", "bandwidth": "estimate", "memory": "estimate", "link": "estimate",
}  # fmt: skip
A100 = {"bandwidth": 2.0, "memory": 80.0, "link": 300.0}  # TB/s, GB, GB/s of NVLink one way, half of the 600 published
HERE = "here"


def run(path: str | None, overrides: Sequence[str], root: str | Path) -> str:
    """Config or none, overrides, the checkout -> the stages, or a step, its growth or an estimate, as text.

    Raises ValueError, one sentence, for keys and values that do not suit.
    """
    if path is None:
        return table.stages(overrides, root)
    own, rest = parted(overrides)
    settings = config.load(path, [*rest, "model.backbone.weights=''"])  # no cost depends on what the weights are
    ranges.ranges(settings, ranges.RANGES)
    repeats = number(own, "repeats", 0)
    if "vary" in own:
        values = [text.strip() for text in own.get("values", "").strip("[]").split(",") if text.strip()]
        return growth.growth(settings, own["vary"], values, repeats or 2)
    if own.get("estimate") == HERE:
        return reality.check(settings, repeats or 3)
    if "estimate" in own:
        return estimate.estimate(settings, machine(settings, own))
    return training_step.step(settings, repeats or 3)


def parted(overrides: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Overrides -> own keys with their values, and those of the config; raises ValueError for keys that stand alone."""
    pairs = [text.partition("=") for text in overrides]
    for key in table.KEYS:
        if key != "repeats" and any(pair[0] == key for pair in pairs):
            raise ValueError(f"{key} goes with the stages, which are timed without a config")
    own = {key: value for key, _, value in pairs if key in KEYS}
    for key in own:
        if KEYS[key] and KEYS[key] not in own:
            raise ValueError(f"{key}={own[key]} goes with {KEYS[key]}=, which is not given")
    if "vary" in own and "estimate" in own:
        raise ValueError("vary and estimate are two questions; give one of them")
    if own.get("estimate") == HERE and set(own) - {"estimate", "repeats"}:
        raise ValueError(f"estimate={HERE} measures this machine itself; only repeats goes with it")
    if "repeats" in own and own.get("estimate", HERE) != HERE:
        raise ValueError(f"repeats goes with estimate={HERE} alone: an estimate measures nothing")
    return own, ["".join(pair) for pair in pairs if pair[0] not in KEYS]


def machine(settings: Config, own: dict[str, str]) -> estimate.Machine:
    """Own keys -> the machine that is estimated; an A100 of 80 GB where they say nothing."""
    devices = number(own, "estimate", 0)
    rate = positive(own, "tflops", estimate.peak_rate(settings.train.precision)) * estimate.TERA
    bandwidth, memory, link = (positive(own, key, value) for key, value in A100.items())
    return estimate.Machine(rate, bandwidth * estimate.TERA, memory * estimate.GIGA, link * estimate.GIGA, devices)


def number(own: dict[str, str], key: str, default: int) -> int:
    """Whole number of at least 1, or the default; raises ValueError."""
    text = own.get(key)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        also = f" or {HERE}" if key == "estimate" else ""
        raise ValueError(f"{key} must be a whole number of at least 1{also}, got {text!r}")
    return int(text)


def positive(own: dict[str, str], key: str, default: float) -> float:
    """Number above 0, or the default; raises ValueError."""
    try:
        value = float(own.get(key, default))
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError(f"{key} must be a number above 0, got {own[key]!r}")
    return value
