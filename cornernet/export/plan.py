"""What is to be exported, beside what the config of the checkpoint says."""

from pathlib import Path
from typing import Any, NamedTuple

from cornernet import graphs

PRECISIONS = ("fp32", "fp16", "int8")
DYNAMIC = "dynamic"  # a size that is open
IMAGES = 64  # on which int8 is calibrated; docs/export.md has the AP of other numbers


class Plan(NamedTuple):
    """What is exported."""

    format: str  # name or dotted path
    out: Path
    batch: int | None  # None: any
    size: tuple[int, int] | str | None  # (height, width) of the canvas; DYNAMIC; None: data.input_size
    image: Path | None  # on which the file is checked; None: on noise
    precision: str  # of PRECISIONS
    calibrate: int  # training images on which int8 is calibrated; 0 for the others
    form: Any  # the format, see cornernet.graphs


def plan(
    checkpoint: str | Path,
    format: str = "onnx",
    out: Path | None = None,
    batch: int | None = None,
    size: tuple[int, int] | str | None = None,
    image: Path | None = None,
    precision: str = "fp32",
    calibrate: int | None = None,
) -> Plan:
    """Checkpoint and what is given of the fields of Plan -> Plan; out is beside the checkpoint unless it is given.

    Raises ValueError, one sentence, for a value that is not allowed and a package that the format needs.
    """
    form = graphs.format_of(format)
    count = _calibrate(format, form, precision, calibrate)
    out = out or Path(checkpoint).with_suffix(form.SUFFIX if precision == "fp32" else f".{precision}{form.SUFFIX}")
    if out.suffix != form.SUFFIX:
        raise ValueError(f"out must end in {form.SUFFIX} for format={format}, got {out}")
    written = [out, *(out.with_suffix(ending) for ending in getattr(form, "BESIDE", ()))]
    if Path(checkpoint).resolve() in [path.resolve() for path in written]:
        raise ValueError(f"{checkpoint} would be overwritten by its own export: give another name as out=")
    if lacking := graphs.missing(form, "NEEDS"):
        raise ValueError(f"format={format} needs {' and '.join(lacking)}: {form.INSTALL}")
    if size == DYNAMIC and (count or batch not in (None, 1)):
        asked = f"precision={precision}" if count else f"batch={batch}"
        raise ValueError(f"size=dynamic goes with precision=fp32 or fp16 and batch=dynamic or 1, got {asked}")
    return Plan(format, out, batch, size, image, precision, count, form)


def _calibrate(name: str, form: Any, precision: str, count: int | None) -> int:
    """Number of images to calibrate on; 0 for what is not int8."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be {', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}, got {precision!r}")
    if precision != "int8":
        if count:
            raise ValueError(f"calibrate={count} is for precision=int8 alone")
        return 0
    if not hasattr(form, "quantise"):
        able = [other for other, each in graphs.FORMATS.items() if hasattr(each, "quantise")]
        raise ValueError(f"precision={precision} needs format={' or '.join(able)}, got format={name}")
    if count is not None and count < 1:
        raise ValueError(f"calibrate must be a number of training images from 1 up, got {count}")
    if lacking := graphs.missing(form, "RUNS_WITH"):
        raise ValueError(f"precision={precision} needs {' and '.join(lacking)}: {form.INSTALL}")
    return IMAGES if count is None else count
