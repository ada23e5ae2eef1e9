#!/usr/bin/env python3
"""Write a checkpoint as a file for other programs: tools/export.py CHECKPOINT [key=value ...]"""

from cornernet.cli import commandline

USAGE = """tools/export.py CHECKPOINT [key=value ...]

Writes pictures -> boxes, scores, labels as one file, decoding inside, runs it and prints how far it is from PyTorch.
Fitting the picture, the suppression, test.flip and test.scales stay outside; docs/onnx_example.py does the first two.
Its own keys are
  format=onnx    or torch: a program of torch.export
  out=PATH       beside the checkpoint with the ending .onnx or .pt2
  batch=dynamic  pictures at once: any number, or the one that is given
  size=H,W       of the pictures that go in; data.input_size. To see larger pictures set data.longest_side as well
  picture=FILE   on which the file is run beside noise
  precision=fp32  or int8: best.int8.onnx, a quarter of the size and more than twice as fast on CPUs with VNNI
  calibrate=64   training pictures on which int8 is calibrated
and those below that change detections, such as test.top_k; for example
  tools/export.py runs/shapes/best.pt
  tools/export.py best.pt precision=int8 calibrate=100
  tools/export.py best.pt size=576,768 data.longest_side=768 batch=1 picture=street.jpg
  tools/export.py best.pt format=torch out=model.pt2 test.num_dets=300"""


def main(path: str, overrides: list[str]) -> None:
    from cornernet.export.export import export

    commandline.say(export(path, overrides))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=1)
