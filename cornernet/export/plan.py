"""What is to be exported: the keys of the export itself beside those of the config."""

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

from cornernet.config import Config

DEFAULTS = {
    "format": "onnx", "out": "", "batch": "dynamic", "size": "", "picture": "", "precision": "fp32", "calibrate": ""
}  # fmt: skip
SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}
NEEDED = {"onnx": ["onnx", "onnxscript"], "torch": []}
PRECISIONS = ("fp32", "int8")
PICTURES = 64  # on which int8 is calibrated; docs/export.md has the AP of other numbers
EXTRA = "pip install onnx onnxscript onnxruntime"


class Plan(NamedTuple):
    """What is exported."""

    format: str  # onnx or torch
    out: Path
    batch: int | None  # None: any
    size: tuple[int, int] | None  # (height, width) of the canvas; None: data.input_size
    picture: str  # on which the file is checked; empty: on noise
    precision: str  # fp32 or int8
    calibrate: int  # training pictures on which int8 is calibrated; 0 for fp32
    overrides: list[str]  # of the checkpoint's config


def plan(checkpoint: str, overrides: Sequence[str]) -> Plan:
    """The export's own keys, those of DEFAULTS, and the config's overrides -> Plan.

    Raises ValueError, one sentence, for a value that is not allowed and a package that the format needs.
    """
    given, rest = dict(DEFAULTS), []
    for text in overrides:
        key, _, value = text.partition("=")
        if key in given:
            given[key] = value
        elif key not in {item.name for item in fields(Config)} and "." not in key:
            raise ValueError(f"unknown key {key}; the export takes {', '.join(given)} and the keys of the config")
        else:
            rest.append(text)
    kind, precision = given["format"], given["precision"]
    if kind not in SUFFIXES:
        raise ValueError(f"format must be {' or '.join(SUFFIXES)}, got {kind!r}")
    calibrate = _calibrate(kind, precision, given["calibrate"])
    suffix = f".{precision}{SUFFIXES[kind]}" if calibrate else SUFFIXES[kind]
    out = Path(given["out"]) if given["out"] else Path(checkpoint).with_suffix(suffix)
    if out.suffix != SUFFIXES[kind]:
        raise ValueError(f"out must end in {SUFFIXES[kind]} for format={kind}, got {out}")
    if lacking := missing(*NEEDED[kind]):
        raise ValueError(f"format={kind} needs {' and '.join(lacking)}: {EXTRA}")
    batch, size = _batch(given["batch"]), _size(given["size"])
    return Plan(kind, out, batch, size, given["picture"], precision, calibrate, rest)


def _calibrate(kind: str, precision: str, count: str) -> int:
    """Number of pictures to calibrate on; 0 for fp32."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be {' or '.join(PRECISIONS)}, got {precision!r}")
    if precision == "fp32":
        if count:
            raise ValueError(f"calibrate={count} is for precision=int8 alone")
        return 0
    if kind != "onnx":
        raise ValueError(f"precision={precision} needs format=onnx, got format={kind}")
    if not re.fullmatch(r"[1-9]\d{0,6}", count or str(PICTURES)):
        raise ValueError(f"calibrate must be a number of training pictures from 1 up, got {count!r}")
    if missing("onnxruntime"):
        raise ValueError(f"precision={precision} needs onnxruntime: {EXTRA}")
    return int(count or PICTURES)


def _batch(text: str) -> int | None:
    if text == "dynamic":
        return None
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise ValueError(f"batch must be dynamic or a number of pictures from 1 up, got {text!r}")
    return int(text)


def _size(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    if not (match := re.fullmatch(r"\[?\s*(\d{1,6})\s*,\s*(\d{1,6})\s*\]?", text)):
        raise ValueError(f"size must be height,width such as 288,384, got {text!r}")
    return int(match[1]), int(match[2])


def missing(*packages: str) -> list[str]:
    """Those of the packages that are not installed."""
    return [name for name in packages if importlib.util.find_spec(name) is None]
