#!/usr/bin/env python3
"""Import weights in the published layout: tools/convert_checkpoint.py PUBLISHED OUT [key=value ...]"""

from cornernet.cli import commandline

USAGE = """tools/convert_checkpoint.py PUBLISHED OUT [key=value ...]

Turns a checkpoint of the published CornerNet code into one of this toolkit (for configs/cornernet.yaml), for example
  tools/convert_checkpoint.py CornerNet_500000.pkl cornernet.pt
  tools/evaluate.py cornernet.pt data.root=data/coco"""


def main(published: str, out: str, overrides: list[str]) -> None:
    from cornernet.detectors.corner.official import convert_file

    commandline.say(convert_file(published, out, overrides))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=2)
