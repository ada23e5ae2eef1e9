"""`make_shapes`: write the synthetic shapes as a COCO set."""

from cornernet.cli.commandline import Command, say
from cornernet.system.wording import counted

USAGE = """tools/make_shapes.py OUT [data.shapes.key=value ...]

Writes OUT/images/train, OUT/images/val and OUT/annotations/train.json, val.json, for example
  tools/make_shapes.py data/shapes data.shapes.train_images=500 data.shapes.size=256"""


def main(folder: str, overrides: list[str]) -> None:
    """Write both splits."""
    from cornernet import config

    shapes = config.override(config.Config(), overrides).data.shapes
    from cornernet import data

    for split, count in (("train", shapes.train_images), ("val", shapes.val_images)):
        data.write(folder, data.ShapesSet(split, count, shapes.size, shapes.max_objects, shapes.seed))
    say(f"{shapes.train_images} and {counted(shapes.val_images, 'image')} written to {folder}")


COMMAND = Command(main, USAGE)
