"""`predict`: draw what a checkpoint finds."""

from pathlib import Path
from typing import TYPE_CHECKING

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import OUT

if TYPE_CHECKING:
    from cornernet.prediction import Written

USAGE = """tools/predict.py CHECKPOINT SOURCE [out=DIR] [key=value ...]

SOURCE is an image, a folder of images, a video or the number of a camera (until Ctrl-C); CHECKPOINT may be an
exported .onnx as well. Writes each image, or the video, with boxes, names and scores, and one predictions.json, into
out, where earlier predictions are replaced, or into a new folder beside the checkpoint: predictions/, predictions-2/
and so on; for example
  tools/predict.py runs/shapes/best.pt photos/
  tools/predict.py best.pt street.jpg test.draw_score=0.5 out=found
  tools/predict.py best.int8.onnx photos/
  tools/predict.py best.pt street.mp4 test.flip=false test.batch_size=8"""


def main(path: str, source: str, overrides: list[str], *, out: Path | None = None) -> None:
    """Predict and say how much was found."""
    from cornernet.prediction.annotate import annotate

    say(text(annotate(path, source, overrides, out)))


def text(done: "Written") -> str:
    """How much was found, and where it is."""
    unit = done.unit if done.count == 1 else f"{done.unit}s"
    found = f"{done.count} {unit} with {done.boxes} boxes of score >= {done.least:g} written to {done.folder}"
    return found + (f"; {done.skipped} unreadable images skipped" if done.skipped else "")


COMMAND = Command(main, USAGE, paths=2, keys=OUT)
