"""What predicting writes beside drawings: predictions.json, label files with their images, a table, crops."""

import json
import logging
import re
import shutil
from pathlib import Path
from typing import Literal

from cornernet.data import WRITERS, Labelled, write_labels
from cornernet.prediction import media
from cornernet.prediction.crops import write_crops
from cornernet.prediction.result import Result
from cornernet.prediction.thresholds import Least
from cornernet.system import writing

log = logging.getLogger("cornernet")
Format = Literal["coco", "yolo", "voc", "csv"]
FOLDERS = ("yolo", "voc")  # formats that are a folder of label files, in which images are looked for
ALL, TABLE, CROPS = "predictions.json", "predictions.csv", "crops"
SPLIT = "val"  # under which a format that knows splits has the images: they were not trained on
OTHERS = re.compile(r"[\ud800-\udfff]|\\ud[89a-f]")  # half characters, by which Python knows names that are no UTF-8


class Written:
    """What has been predicted so far; leaving it writes the label files, also after Ctrl-C and errors."""

    def __init__(self, folder: Path, new: bool, least: Least, form: Format = "coco", crops: bool = False):
        """Folder that is written to, whether it was made for this, score from which objects are written, and how."""
        self.folder, self.new, self.least, self.form, self.crops = folder, new, least, form, crops
        self.images: list[Labelled] = []
        self.labels: list[Labelled] = []  # the same under the names that their label files have
        self.stems: set[Path] = set()  # of label files
        self.class_names: list[str] = []
        self.category_ids: list[int] = []
        self.unit, self.boxes, self.skipped, self.lost = "image", 0, 0, 0  # lost: frames of videos

    @property
    def count(self) -> int:
        """Images so far."""
        return len(self.images)

    @property
    def names(self) -> set[str]:
        """Names in the folder that are not those of drawings."""
        beside = {ALL, CROPS} if self.crops else {ALL}
        return beside | {self.form if self.form in FOLDERS else TABLE if self.form == "csv" else ALL}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if not self.count:
            if self.new:
                self.folder.rmdir()
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        content = WRITERS["coco"].dataset(self.images, self.class_names, self.category_ids)
        writing.write(self.folder / ALL, json.dumps(content, ensure_ascii=False) + "\n")
        if self.form == "csv":
            writing.write(self.folder / TABLE, WRITERS["csv"].text(self.images, self.class_names))
        if self.form in FOLDERS:
            write_labels(self.folder / self.form, self.form, {SPLIT: self.labels}, self.class_names)

    def add(self, found: Result, name: str) -> None:
        """Note the objects of an image; name: its path from the folder of the images, or that of a frame."""
        labelled = found.labelled(self.count + 1, identifier(name))
        self.images.append(labelled)
        self.boxes += len(found)
        self.class_names, self.category_ids = [identifier(x) for x in found.class_names], list(found.category_ids)
        if self.form in FOLDERS:
            self._label(found, labelled)
        if self.crops:
            write_crops(self.folder / CROPS, found.crops(), name)

    def _label(self, found: Result, labelled: Labelled) -> None:
        """Note an image under a name of its own, and let its format find it there."""
        name = self._own(Path(labelled.record.file_name) if Path(found.source).is_file() else _frame(found.source))
        place = self.folder / self.form / WRITERS[self.form].IMAGES.format(split=SPLIT) / name
        if Path(found.source).is_file():
            _link(Path(found.source), place)
        else:
            media.write_image(place, found.pixels())
        scores = None if self.form == "yolo" else labelled.scores  # of a sixth number most who read YOLO's know nothing
        self.labels.append(labelled._replace(record=labelled.record._replace(file_name=name.as_posix()), scores=scores))

    def _own(self, name: Path) -> Path:
        """A name whose label file no other image has: a.jpg beside a.png is a-2.jpg."""
        stem, number = name.stem, 1
        while name.with_suffix("") in self.stems:
            number += 1
            name = name.with_name(f"{stem}-{number}{name.suffix}")
        self.stems.add(name.with_suffix(""))
        return name

    def skip(self, error: Exception) -> None:
        """Name a file that could not be read, and count it."""
        log.warning("skipped: %s", error)
        self.skipped += 1


def _frame(source: str) -> Path:
    """A frame of a video, `street.mp4#12` -> the name of its image's file."""
    video, _, number = source.rpartition("#")
    return Path(identifier(f"{Path(video).stem}-{number.zfill(6)}.jpg"))


def _link(image: Path, place: Path) -> None:
    """Let the place lead to an image, or copy it where the file system has no links."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with writing.replacing(place, tidy=False) as temporary:
        try:
            temporary.symlink_to(image.absolute())
        except OSError:
            shutil.copyfile(image, temporary)


def identifier(name: str) -> str:
    r"""Name of a file -> the same as UTF-8 can write it: the byte 255 of a name that is none becomes \udcff.

    In names for which that could be mistaken \ is doubled, so that no two files get one name.
    """
    return name.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode() if OTHERS.search(name) else name
