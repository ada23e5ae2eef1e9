#!/usr/bin/env python3
"""Draw what a checkpoint finds: tools/predict.py CHECKPOINT IMAGE_OR_FOLDER [key=value ...]"""

from cornernet import commandline

USAGE = """tools/predict.py CHECKPOINT IMAGE_OR_FOLDER [key=value ...]

Writes each picture with its boxes, names and scores, and one predictions.json, into work_dir (default: predictions/
beside the checkpoint), for example
  tools/predict.py runs/shapes/best.pt photos/
  tools/predict.py best.pt street.jpg test.draw_score=0.5 work_dir=out"""


def main(path: str, pictures: str, overrides: list[str]) -> None:
    from cornernet.predictor import predict_files

    print(predict_files(path, pictures, overrides))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=2)
