"""What every data set offers, whether it is read from disk or drawn."""

from typing import NamedTuple, Protocol

import numpy as np


class ImageRecord(NamedTuple):
    """What is known of an image without opening it."""

    image_id: int | str  # as in the annotation file
    file_name: str  # relative to the folder of the images
    width: int  # pixels
    height: int  # pixels


class Source(Protocol):
    """What a data set offers; label i stands for category_ids[i], named class_names[i]."""

    class_names: list[str]
    category_ids: list[int]

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
