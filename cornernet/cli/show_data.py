"""`show_data`: draw what a training would see."""

from pathlib import Path

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import OUT, Reader, whole
from cornernet.system.wording import counted

USAGE = """tools/show_data.py CONFIG [images=N] [out=DIR] [key=value ...]

Draws the first images of a training as its transforms leave them, each with its objects and with the targets of
its detector: heatmaps with corners, and with centres where model.head.centre is set, and as arrows what pairs them
(half_sides, centripetal, affinity); of anchors those with an object, and the corners of model.anchor.verify; of
points the heatmap with centres, and sizes as arrows. Writes an image for
each of the N (12), and targets.png with the first six, into out (runs/show-<config>), for example
  tools/show_data.py configs/shapes.yaml
  tools/show_data.py configs/bccd.yaml data.root=data/bccd images=30 data.transforms.flip=null"""


def main(path: str, overrides: list[str], *, images: int = 12, out: Path | None = None) -> None:
    """Draw and say how much."""
    from cornernet.training import show

    shown = show(path, overrides, images, out)
    cut = f"; data.max_objects={shown.max_objects} cuts {shown.cut} more" if shown.cut else ""
    say(f"{counted(images, 'image')} with {counted(shown.objects, 'object')} written to {shown.folder}{cut}")


COMMAND = Command(main, USAGE, keys={"images": Reader(whole(1)), **OUT})
