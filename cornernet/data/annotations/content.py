"""What a data format is asked for, and what it gives: images, objects and classes in the terms of COCO."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Asked(NamedTuple):
    """A set that shall be read."""

    path: Path  # file or folder, as data.<split>.annotations names it
    split: str = "train"  # "train" or "val": which one of a path that holds both
    images: Path | None = None  # folder of the images; None: to be found from the path
    near: tuple[Path, ...] = ()  # folders in which the images may lie as well: data.root, those of training
    voc_offset: float = 0.0  # what is added to the left and upper edges of Pascal VOC files


class Content(NamedTuple):
    """What a set holds, as it was found: nothing of it is checked yet.

    The entries are those of a COCO file: images {id, file_name, width, height}, width and height None where only the
    file itself knows them, annotations {id, image_id, category_id, bbox [x, y, w, h], iscrowd, area, segmentation},
    categories {id, name}. The id of an annotation may be a text that leads to it (`labels/a.txt, line 3`); messages
    show it. A format that reads one file of a folder writes its name into `problems.source`.
    """

    images: list
    annotations: Sequence
    categories: list
    root: Path  # folder to which the file names of the images are relative
    by_name: bool = False  # whether its numbers of classes are no ids, so that those of two splits meet by name
    notes: tuple[tuple[str, str], ...] = ()  # what check_data says of the set besides: name and text
