"""What predicting writes beside drawings: predictions.json, label files with their images, a table, crops."""

import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from cornernet.prediction import crops, formats, media
from cornernet.prediction.result import Result
from cornernet.prediction.thresholds import Least
from cornernet.system import writing

log = logging.getLogger("cornernet")
Format = Literal["coco", "yolo", "voc", "csv"]
FORMATS: tuple[str, ...] = get_args(Format)
IMAGES = {"yolo": "yolo/images", "voc": "voc/JPEGImages"}  # folder of the images by format
LABELS = {"yolo": ("yolo/labels", ".txt"), "voc": ("voc/Annotations", ".xml")}  # that of the label files, their ending
CROPS, TABLE, ALL = "crops", "predictions.csv", "predictions.json"
OTHERS = re.compile(r"[\ud800-\udfff]|\\ud[89a-f]")  # half characters, by which Python knows names that are no UTF-8


class Written:
    """What has been predicted so far; leaving it writes predictions.json and lists, also after Ctrl-C and errors."""

    def __init__(self, folder: Path, new: bool, least: Least, format: Format = "coco", crops: bool = False):
        """Folder that is written to, whether it was made for this, score from which objects are written, and how."""
        self.folder, self.new, self.least, self.format, self.crops = folder, new, least, format, crops
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.categories: list[dict[str, Any]] = []
        self.table: list[tuple[object, ...]] = []
        self.stems: set[Path] = set()  # of label files
        self.unit, self.skipped = "image", 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if not self.count:
            if self.new:
                self.folder.rmdir()
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {"images": self.images, "categories": self.categories, "annotations": self.annotations}
        writing.write(self.folder / ALL, json.dumps(content, ensure_ascii=False) + "\n")
        if self.format == "csv":
            writing.write(self.folder / TABLE, formats.csv_text([formats.CSV_HEAD, *self.table]))
        if self.format == "yolo":
            names = {k: identifier(category["name"]) for k, category in enumerate(self.categories)}
            listed = yaml.safe_dump({"train": "images", "val": "images", "names": names}, allow_unicode=True)
            writing.write(self.folder / "yolo" / "data.yaml", listed)
        if self.format == "voc":
            lists = self._place("voc/ImageSets/Main", Path("val.txt"))
            writing.write(lists, "".join(f"{identifier(str(stem))}\n" for stem in sorted(self.stems)))

    @property
    def count(self) -> int:
        """Images so far."""
        return len(self.images)

    @property
    def boxes(self) -> int:
        """Objects so far."""
        return len(self.annotations)

    def add(self, found: Result, name: str) -> None:
        """Write the objects of an image; name: its path from the folder of the images, or that of a frame."""
        shown = found.labelled()
        height, width = shown.size
        self.images.append({"id": self.count + 1, "file_name": identifier(name), "width": width, "height": height})
        self.categories = self.categories or [
            {"id": i, "name": identifier(name)} for i, name in zip(found.category_ids, found.class_names, strict=True)
        ]
        self.annotations += [
            {"id": self.boxes + number, **row, "area": row["bbox"][2] * row["bbox"][3], "iscrowd": 0}
            for number, row in enumerate(found.to_coco(self.count), 1)
        ]
        if self.format == "csv":
            self.table += formats.csv_rows(shown, identifier(name))
        elif self.format in LABELS:
            self._label(found, shown, Path(name))
        if self.crops:
            self._crop(found, name)

    def _label(self, found: Result, shown: formats.Labelled, name: Path) -> None:
        """Write the label file of an image, and the image where its format looks for it."""
        name = self._own(_frame(name) if "#" in found.source and not Path(found.source).is_file() else name)
        folder, ending = LABELS[self.format]
        text = formats.yolo(shown) if self.format == "yolo" else formats.voc(shown, name.name)
        writing.write(self._place(folder, name.with_suffix(ending)), text)
        place = self._place(IMAGES[self.format], name)
        if Path(found.source).is_file():
            _link(Path(found.source), place)
        else:
            media.write_image(place, found.pixels())

    def _own(self, name: Path) -> Path:
        """A name whose label file no other image has: a.jpg beside a.png is a-2.jpg."""
        stem, number = name.with_suffix(""), 1
        while name.with_suffix("") in self.stems:
            number += 1
            name = name.with_name(f"{stem.name}-{number}{name.suffix}")
        self.stems.add(name.with_suffix(""))
        return name

    def _crop(self, found: Result, name: str) -> None:
        cuts = found.crops()
        for crop in cuts:
            self._place(CROPS, Path(crops.class_folder(crop.name), name))
        crops.write_crops(self.folder / CROPS, cuts, name)

    def _place(self, folder: str, name: Path) -> Path:
        """Where a file goes, its folder made; raises ValueError where a link on the way leads elsewhere."""
        path = self.folder / folder / name
        for parent in path.relative_to(self.folder).parents:
            if parent.name and (self.folder / parent).is_symlink():
                raise ValueError(
                    f"{self.folder / parent} leads elsewhere, and nothing is written through links; give another "
                    "folder with out="
                )
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def skip(self, error: Exception) -> None:
        """Name a file that could not be read, and count it."""
        log.warning("skipped: %s", error)
        self.skipped += 1


def taken(format: str, crops: bool) -> set[str]:
    """Names in the folder that are those of what is written beside drawings."""
    return {ALL} | ({format} if format in LABELS else set()) | ({TABLE} if format == "csv" else set()) | (
        {CROPS} if crops else set()
    )  # fmt: skip


def _frame(name: Path) -> Path:
    """Name of a video's frame, `street.mp4#12` -> that of a file of its image."""
    video, _, number = str(name).rpartition("#")
    return Path(f"{Path(video).stem}-{number.zfill(6)}.jpg")


def _link(image: Path, place: Path) -> None:
    """Let the place lead to an image, or copy it where the file system has no links."""
    with writing.replacing(place) as temporary:
        try:
            temporary.symlink_to(image.absolute())
        except OSError:
            shutil.copyfile(image, temporary)


def identifier(name: str) -> str:
    r"""Name of a file -> the same as UTF-8 can write it: the byte 255 of a name that is none becomes \udcff.

    In names for which that could be mistaken \ is doubled, so that no two files get one name.
    """
    return name.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode() if OTHERS.search(name) else name
