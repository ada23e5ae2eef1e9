"""`evaluate`: score a checkpoint with COCO mAP."""

from pathlib import Path

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import OBEYS, OUT, SHOWN

USAGE = """tools/evaluate.py CHECKPOINT [out=DIR] [key=value ...]

Scores a checkpoint, or an exported .onnx, on the validation split of its config, prints the COCO figures and a table of
the classes, and writes metrics.json, predictions.json and the page report/index.html, which explains them in plots and
images, into out (default: evaluation/ beside the checkpoint), for example
  tools/evaluate.py runs/shapes/best.pt
  tools/evaluate.py runs/shapes/best.int8.onnx
  tools/evaluate.py best.pt data.val.images=photos data.val.annotations=photos.json test.flip=true"""


def main(path: str, overrides: list[str], *, out: Path | None = None) -> None:
    """Score and print the table."""
    from cornernet.evaluation import evaluate_checkpoint, table

    found = evaluate_checkpoint(path, overrides, out)
    page = f"; the report is {found.report}" if found.report else ""
    written = f"metrics.json and predictions.json written to {found.folder}{page}"
    say("\n".join([table(found.metrics), "", *found.left_out, written]))


COMMAND = Command(main, USAGE, keys=OUT, obeys=(*OBEYS, "train.metric"), shown=("data", *SHOWN))
