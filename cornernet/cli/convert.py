"""`convert`: write a set in a format that other programs read."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import OUT, Reader, share, switch
from cornernet.cli.keys import path as folder
from cornernet.system.wording import counted

if TYPE_CHECKING:
    from cornernet.data import Converted

USAGE = """tools/convert.py SOURCE out=DIR [format=NAME] [val=SHARE] [split_by=REGEX] [images=DIR] [link=false]

SOURCE is a file or folder of annotations in any format that is read: COCO, YOLO, Pascal VOC, Roboflow or CSV. Writes
the same set into DIR, which must be new or empty, as coco (the default), yolo, voc or csv, both splits where SOURCE
holds both. val=0.2 holds out a fifth of the images where it does not; images with the same text in the brackets of
split_by stay together. images= says where the images are, if they are not found. They are linked, so that they take no
room; link=false copies them. Prints what was found, what the format cannot say, and how to train on it; for example
  tools/convert.py labels.json out=data/cells val=0.2
  tools/convert.py VOCdevkit/VOC2012 out=data/voc_as_yolo format=yolo link=false
  tools/convert.py scans.csv images=scans out=data/scans val=0.25 'split_by=^(patient\\d+)_'"""


KEYS = {  # what sentences name for a training -> what is typed here
    r"set data\.train\.images and data\.val\.images to their folders": "images=DIR names their folder",
    r"; set data\.root .*": "",
    r"(set|give) data\.(train|val|test)\.images": r"\1 images",
    r"data\.val\.split": "val",
    r"data\.split_by": "split_by",
    r"(, or say|; data\.format takes) data\.format=\w+": "",
}


def main(
    source: str, *, out: Path | None = None, form: str = "coco", val: float = 0.0, split_by: str = "",
    images: Path | None = None, link: bool = True,
) -> None:  # fmt: skip
    """Convert and say what came of it."""
    if out is None:
        raise ValueError("out is missing: name a new folder for the set, such as out=data/converted")
    from cornernet.data import convert

    try:
        done = convert(source, out, form, share=val, split_by=split_by, images=images, link=link)
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(in_own_words(str(error))) from None
    say(text(done))


def in_own_words(sentence: str) -> str:
    """Sentence of a training on its data -> the same with the keys of this command."""
    for theirs, own in KEYS.items():
        sentence = re.sub(theirs, own, sentence)
    return sentence


def text(done: "Converted") -> str:
    """Return the splits, the classes, what was left out or lost, and the command to train with."""
    images = ", ".join(f"{counted(count, how)}" for how, count in done.placed.items())
    renamed = f"; {done.renamed} have other names than before" if done.renamed else ""
    lines = [*_table(done), "", f"written to {done.folder} as {done.form}; images: {images}{renamed}"]
    lines += dict.fromkeys(part.problems.summary() for part in done.splits.values() if part.problems.summary())
    lines += [f"not carried over: {what}" for what in done.lost]
    held = "" if "val" in done.splits else " data.val.split=0.2"
    where = shlex.quote(f"data.train.annotations={done.folder}")
    return "\n".join([*lines, "", "to train on it:", f"  cornernet train custom {where}{held}"])


def _table(done: "Converted") -> list[str]:
    """Images and objects of each class, by split."""
    import numpy as np

    from cornernet.evaluation import aligned

    names = next(iter(done.splits.values())).class_names
    columns = [("", "images", "objects", *names)]
    for split, part in done.splits.items():
        labels = part.objects.labels[~part.objects.iscrowd]
        counts = np.bincount(labels, minlength=len(names)).tolist()
        columns.append((split, str(len(part)), str(len(labels)), *map(str, counts)))
    return aligned(list(zip(*columns, strict=True)), "<" + ">" * len(done.splits))


COMMAND = Command(
    main, USAGE, overrides=False,
    keys={
        **OUT, "format": Reader(str, "form"), "val": Reader(share), "split_by": Reader(str), "images": Reader(folder),
        "link": Reader(switch),
    },
)  # fmt: skip
