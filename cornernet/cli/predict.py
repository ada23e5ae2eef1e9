"""`predict`: draw what a checkpoint finds, and write it in the format of a data set."""

from typing import TYPE_CHECKING, Any

from cornernet.cli import keys
from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import OUT, Reader
from cornernet.system.wording import counted

if TYPE_CHECKING:
    from cornernet.prediction import Written

USAGE = """tools/predict.py CHECKPOINT SOURCE ... [score=SCORE] [format=FORMAT] [crops=true] [out=DIR] [key=value ...]

A SOURCE is an image, a folder of images, a pattern in quotes ('photos/*.jpg', 'photos/**/*.jpg'), a video, the address
of a stream (http://, rtsp://) or the number of a camera (until Ctrl-C); CHECKPOINT may be an exported .onnx as well.
Writes each image, or the video, with boxes, names and scores, and one predictions.json, a COCO data set with the score
of each annotation, into out, where earlier predictions are replaced, or into a new folder beside the checkpoint:
predictions/, predictions-2/ and so on.
score: objects below are left out of all files; best_f1: for each class the score at which its F1 was best in the
training's last evaluation. Without it, those are written that are drawn: test.draw_score.
format=yolo, voc or csv: label files too, in yolo/ or voc/ with links to the images, or predictions.csv.
test.draw_line=1 draws thin lines, test.draw_labels=none no names; see docs/predict.md.
crops=true: each object as an image of its own, crops/CLASS/IMAGE-N.png; for example
  tools/predict.py runs/shapes/best.pt photos/
  tools/predict.py best.pt street.jpg 'more/**/*.png' score=0.5 out=found
  tools/predict.py best.pt photos/ score=best_f1 format=yolo crops=true
  tools/predict.py best.int8.onnx photos/
  tools/predict.py best.pt aerial.tif test.slices.size=640
  tools/predict.py best.pt street.mp4 test.flip=false test.batch_size=8"""


def main(path: str, sources: list[str], overrides: list[str], **how: Any) -> None:
    """Predict and say how much was found."""
    from cornernet.prediction.annotate import annotate

    say(text(annotate(path, sources, overrides, **how)))


def text(done: "Written") -> str:
    """How much was found, and where it is."""
    from cornernet.prediction import in_words

    found = f"{counted(done.count, done.unit)} with {counted(done.boxes, 'box')} of {in_words(done.least)}"
    left = [f"{counted(n, f'unreadable {w}')} skipped" for n, w in ((done.skipped, "image"), (done.lost, "frame")) if n]
    return "; ".join([f"{found} written to {done.folder}", *left])


def score(value: str) -> float | str:
    """A number from 0 to 1, or best_f1."""
    if value == "best_f1":
        return value
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not 0 <= number <= 1:
        raise ValueError(f"must be a number from 0 to 1 or best_f1, got {value!r}")
    return number


KEYS = {
    "score": Reader(score),
    "format": Reader(keys.choice("coco", "yolo", "voc", "csv"), "form"),
    "crops": Reader(keys.switch),
    **OUT,
}
COMMAND = Command(main, USAGE, paths=2, keys=KEYS, several=True, obeys=keys.OBEYS, shown=keys.SHOWN)
