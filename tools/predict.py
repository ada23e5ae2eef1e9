#!/usr/bin/env python3
"""Draw what a checkpoint finds: tools/predict.py CHECKPOINT SOURCE [out=DIR] [key=value ...]"""

from cornernet.cli import commandline

USAGE = """tools/predict.py CHECKPOINT SOURCE [out=DIR] [key=value ...]

SOURCE is a picture, a folder of pictures, a video or the number of a camera (until Ctrl-C); CHECKPOINT may be an
exported .onnx as well. Writes each picture, or the video, with boxes, names and scores, and one predictions.json, into
out, where earlier predictions are replaced, or into a new folder beside the checkpoint: predictions/, predictions-2/
and so on; for example
  tools/predict.py runs/shapes/best.pt photos/
  tools/predict.py best.pt street.jpg test.draw_score=0.5 out=found
  tools/predict.py best.int8.onnx photos/
  tools/predict.py best.pt street.mp4 test.flip=false test.batch_size=8"""


def main(path: str, source: str, overrides: list[str]) -> None:
    from cornernet.prediction.annotate import annotate

    commandline.say(annotate(path, source, overrides))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=2)
