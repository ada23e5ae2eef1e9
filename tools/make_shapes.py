#!/usr/bin/env python3
"""Write the synthetic shapes as a COCO set: tools/make_shapes.py OUT [data.shapes.key=value ...]"""

from cornernet import config
from cornernet.cli import commandline

USAGE = """tools/make_shapes.py OUT [data.shapes.key=value ...]

Writes OUT/images/train, OUT/images/val and OUT/annotations/train.json, val.json, for example
  tools/make_shapes.py data/shapes data.shapes.train_images=500 data.shapes.size=256"""


def main(folder: str, overrides: list[str]) -> None:
    settings = config.override(config.Config(), overrides).data
    settings.name = "shapes"
    from cornernet import data

    for split in ("train", "val"):
        data.write(folder, data.build_source(settings, split))
    commandline.say(f"{settings.shapes.train_images} and {settings.shapes.val_images} pictures written to {folder}")


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=1)
