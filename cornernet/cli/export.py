"""`export`: write a checkpoint as a file for other programs."""

import re
from typing import TYPE_CHECKING, Any

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import OBEYS, SHOWN, Reader, choice, path
from cornernet.system.wording import counted

if TYPE_CHECKING:
    from cornernet.export import Exact, Exported, Quantised

USAGE = """tools/export.py CHECKPOINT [key=value ...]

Writes images -> boxes, scores, labels as one file, decoding inside, runs it and prints how far it is from PyTorch.
Fitting the image, the suppression, test.flip and test.scales stay outside; docs/onnx_example.py does the first two.
Its own keys are
  format=onnx    or openvino; torch: a program of torch.export; or one of your own (docs/plugins.md)
  out=PATH       beside the checkpoint with the ending .onnx, .xml, .pt2 or that of the format
  batch=dynamic  images at once: any number, or the one that is given
  size=H,W       of the images that go in; data.input_size. To see larger images set data.longest_side as well
  size=dynamic   any size that the network takes, up to 8192 pixels a side
  image=FILE   on which the file is run beside noise
  precision=fp32  or fp16: best.fp16.onnx, half the size, for GPUs; int8: best.int8.onnx, a quarter of the size and
                 more than twice as fast on CPUs with VNNI
  calibrate=64   training images on which int8 is calibrated
and those below that change detections, such as test.top_k; for example
  tools/export.py runs/shapes/best.pt
  tools/export.py best.pt precision=int8 calibrate=100
  tools/export.py best.pt size=dynamic precision=fp16
  tools/export.py best.pt size=576,768 data.longest_side=768 batch=1 image=street.jpg
  tools/export.py best.pt format=torch out=model.pt2 test.num_dets=300"""


def main(checkpoint: str, overrides: list[str], **how: Any) -> None:
    """Export and say what was written."""
    from cornernet.export.export import export

    say(text(export(checkpoint, overrides, **how)))


def text(made: "Exported") -> str:
    """What was written, and how far it is from PyTorch."""
    from cornernet.export import OUTPUTS, Quantised

    plan = made.plan
    rows = "rows, as many as a size gives," if made.rows is None else counted(made.rows, "row")
    head = (
        f"{plan.out}: {made.bytes / 1e6:.1f} MB in {made.seconds:.1f} s; images uint8 "
        f"[{plan.batch or 'batch'}, 3, {_sides(made.canvas)} BGR -> {rows} of {', '.join(OUTPUTS)} each\n"
    )
    if made.compared is None:
        return f"{head}not run, for want of {' and '.join(plan.form.RUNS_WITH)}: {plan.form.INSTALL}"
    if isinstance(made.compared, Quantised):
        return head + _quantised(made.compared, plan.image)
    return head + _exact(made.compared, plan.image)


def _sides(canvas: Any) -> str:
    """The last axes of the images, and what becomes of larger ones."""
    if hasattr(canvas, "size"):
        height, width = canvas.size
        return f"{height}, {width}] (larger images are shrunk into it)"
    parts = [f"{least} to {most} in steps of {step}" for step, _, least, most in zip(*canvas, strict=True)]
    return f"height, width], height {parts[0]}, width {parts[1]} (larger images are shrunk into the largest),"


def _exact(found: "Exact", image: Any) -> str:
    on = [str(image)] * bool(image) + [f"{counted(found.noise, 'image')} of noise"] * bool(found.noise)
    return (
        f"run on {' and '.join(on)}: {counted(found.apart.rows, 'row')}, of which PyTorch's answer and the file's "
        f"share all but {found.apart.lost}; largest difference {found.apart.boxes:.1e} pixels, "
        f"{found.apart.scores:.1e} score"
    )


def _quantised(found: "Quantised", image: Any) -> str:
    on = f"run on {f'{image} and ' * bool(image)}{counted(found.images, 'image')} of its calibration"
    if not found.rows:
        return f"{on}: neither it nor PyTorch finds anything of score {found.least:g} or more, so nothing is compared"
    return (
        f"{on}: of {counted(found.rows, 'row')} of score {found.least:g} or more in either answer "
        f"{found.shared / found.rows:.1%} overlap one of the other by half or more; their scores differ by "
        f"{found.scores:.3f} in the median"
    )


def _batch(value: str) -> int | None:
    if not re.fullmatch(r"dynamic|[1-9]\d{0,5}", value):
        raise ValueError(f"must be dynamic or a number of images from 1 up, got {value!r}")
    return None if value == "dynamic" else int(value)


def _size(value: str) -> tuple[int, int] | str:
    return value if value == "dynamic" else fixed_size(value, "dynamic or ")


def fixed_size(value: str, others: str = "") -> tuple[int, int]:
    """Read height,width; raises ValueError naming it and what else may be given."""
    if not (match := re.fullmatch(r"\[?\s*(\d{1,6})\s*,\s*(\d{1,6})\s*\]?", value)):
        raise ValueError(f"must be {others}height,width such as 288,384, got {value!r}")
    return int(match[1]), int(match[2])


def _calibrate(value: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,6}", value):
        raise ValueError(f"must be a number of training images from 1 up, got {value!r}")
    return int(value)


KEYS = {
    "format": Reader(str), "out": Reader(path), "batch": Reader(_batch), "size": Reader(_size),
    "image": Reader(path), "precision": Reader(choice("fp32", "fp16", "int8")), "calibrate": Reader(_calibrate),
}  # fmt: skip
COMMAND = Command(main, USAGE, keys=KEYS, obeys=OBEYS, shown=SHOWN)
