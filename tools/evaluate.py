#!/usr/bin/env python3
"""Score a checkpoint with COCO mAP: tools/evaluate.py CHECKPOINT [out=DIR] [key=value ...]"""

from cornernet.cli import commandline

USAGE = """tools/evaluate.py CHECKPOINT [out=DIR] [key=value ...]

Scores a checkpoint, or an exported .onnx, on the validation split of its config, prints the COCO figures and a table of
the classes, and writes metrics.json, predictions.json and the page report/index.html, which explains them in plots and
pictures, into out (default: evaluation/ beside the checkpoint), for example
  tools/evaluate.py runs/shapes/best.pt
  tools/evaluate.py runs/shapes/best.int8.onnx
  tools/evaluate.py best.pt data.val.images=photos data.val.annotations=photos.json test.flip=true"""


def main(path: str, overrides: list[str]) -> None:
    from cornernet.prediction.predictor import evaluate_checkpoint

    commandline.say(evaluate_checkpoint(path, overrides))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=1)
