"""What every data set offers, whether it is read from disk or drawn."""

import hashlib
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from cornernet.data.problems import Problems
from cornernet.data.texts import Masks


class ImageRecord(NamedTuple):
    """What is known of an image without opening it."""

    image_id: int | str  # as in the annotation file
    file_name: str  # relative to the folder of the images
    width: int  # pixels
    height: int  # pixels


class Objects(NamedTuple):
    """All objects of a set, grouped by image in the order of the images, within an image in file order."""

    start: np.ndarray  # [images + 1] int64, objects start[i] .. start[i + 1] - 1 belong to image i
    bbox: np.ndarray  # [N, 4] float64, [x, y, w, h] for the evaluation
    boxes: np.ndarray  # [N, 4] float32, xyxy edges inside the image
    labels: np.ndarray  # [N] int64, position in category_ids
    iscrowd: np.ndarray  # [N] bool
    area: np.ndarray  # [N] float64, square pixels, as in the file where it says
    segmentation: Masks  # row: segmentation, of crowds only

    def of_rows(self, rows: np.ndarray, start: np.ndarray) -> "Objects":
        """These of the objects, and where those of each image begin among them."""
        return Objects(
            start, self.bbox[rows], self.boxes[rows], self.labels[rows], self.iscrowd[rows], self.area[rows],
            self.segmentation.of_rows(rows),
        )  # fmt: skip


class Division(NamedTuple):
    """File names of the images of a set of which one part is held out for validation."""

    train: list[str]
    val: list[str]

    @property
    def digest(self) -> str:
        """Digest of the names that are held out, whatever their order."""
        return hashlib.sha256("\n".join(sorted(self.val)).encode("utf-8", "surrogateescape")).hexdigest()[:12]


class Source(Protocol):
    """What a data set offers; label i stands for category_ids[i], named class_names[i]."""

    class_names: list[str]
    category_ids: list[int]

    @property
    def origin(self) -> str:
        """Where it comes from, for a person: a path, or how it is made."""

    @property
    def root(self) -> Path | None:
        """Folder of the images; None where there are no files."""

    @property
    def objects(self) -> Objects | None:
        """All objects, crowds among them; None where they are drawn when they are asked for."""

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """What its format found out about it: name and text."""

    @property
    def problems(self) -> Problems:
        """What was left out of it or repaired."""

    @property
    def division(self) -> Division | None:
        """What the set it is a part of was divided into, limits aside; None where it is no such part."""

    def __len__(self) -> int:
        """Number of images."""

    def image(self, i: int) -> np.ndarray:
        """Image [H, W, 3] uint8, BGR; raises ValueError or OSError naming a file that cannot be read.

        Raises storage.Away where that is not the file's fault; `storage.patiently` waits for it to come back.
        """

    def boxes(self, i: int) -> np.ndarray:
        """Objects [n, 4] float32, xyxy edges in the image's pixels; crowds are not among them."""

    def labels(self, i: int) -> np.ndarray:
        """Class of each object, [n] int64."""

    def record(self, i: int) -> ImageRecord:
        """Id, file name and size."""

    def coco(self) -> dict:
        """Ground truth as a complete COCO dict, crowds included, annotation ids from 1."""
