"""What is to be exported, beside what the config of the checkpoint says."""

from pathlib import Path
from typing import NamedTuple

from cornernet.prediction import EXTRA, missing

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}
NEEDED = {"onnx": ["onnx", "onnxscript"], "torch": []}
PRECISIONS = ("fp32", "int8")
IMAGES = 64  # on which int8 is calibrated; docs/export.md has the AP of other numbers


class Plan(NamedTuple):
    """What is exported."""

    format: str  # onnx or torch
    out: Path
    batch: int | None  # None: any
    size: tuple[int, int] | None  # (height, width) of the canvas; None: data.input_size
    image: Path | None  # on which the file is checked; None: on noise
    precision: str  # fp32 or int8
    calibrate: int  # training images on which int8 is calibrated; 0 for fp32


def plan(
    checkpoint: str | Path,
    format: str = "onnx",
    out: Path | None = None,
    batch: int | None = None,
    size: tuple[int, int] | None = None,
    image: Path | None = None,
    precision: str = "fp32",
    calibrate: int | None = None,
) -> Plan:
    """Checkpoint and what is given of the fields of Plan -> Plan; out is beside the checkpoint unless it is given.

    Raises ValueError, one sentence, for a value that is not allowed and a package that the format needs.
    """
    if format not in SUFFIXES:
        raise ValueError(f"format must be {' or '.join(SUFFIXES)}, got {format!r}")
    count = _calibrate(format, precision, calibrate)
    out = out or Path(checkpoint).with_suffix(f".{precision}{SUFFIXES[format]}" if count else SUFFIXES[format])
    if out.suffix != SUFFIXES[format]:
        raise ValueError(f"out must end in {SUFFIXES[format]} for format={format}, got {out}")
    if lacking := missing(*NEEDED[format]):
        raise ValueError(f"format={format} needs {' and '.join(lacking)}: {EXTRA}")
    return Plan(format, out, batch, size, image, precision, count)


def _calibrate(kind: str, precision: str, count: int | None) -> int:
    """Number of images to calibrate on; 0 for fp32."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be {' or '.join(PRECISIONS)}, got {precision!r}")
    if precision == "fp32":
        if count:
            raise ValueError(f"calibrate={count} is for precision=int8 alone")
        return 0
    if kind != "onnx":
        raise ValueError(f"precision={precision} needs format=onnx, got format={kind}")
    if count is not None and count < 1:
        raise ValueError(f"calibrate must be a number of training images from 1 up, got {count}")
    if missing("onnxruntime"):
        raise ValueError(f"precision={precision} needs onnxruntime: {EXTRA}")
    return IMAGES if count is None else count
