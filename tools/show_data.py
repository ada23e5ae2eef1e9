#!/usr/bin/env python3
"""Draw what a training would see: tools/show_data.py CONFIG [images=N] [out=DIR] [key=value ...]"""

from cornernet.cli import commandline

USAGE = """tools/show_data.py CONFIG [images=N] [out=DIR] [key=value ...]

Draws the first pictures of a training as its augmentation leaves them, each with its objects and with the targets of
its detector: heatmaps and corners, or the anchors with an object. Writes a picture for each of the N (12), and
targets.png with the first six, into out (runs/show-<config>), for example
  tools/show_data.py configs/shapes.yaml
  tools/show_data.py configs/bccd.yaml data.root=data/bccd images=30 data.augment.crop=false"""


def main(path: str, overrides: list[str]) -> None:
    from cornernet.training import show_data

    commandline.say(show_data.show(path, overrides))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=1)
