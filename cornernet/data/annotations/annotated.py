"""The set that every format becomes: checked records and the folder of their images."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cornernet.data.annotations.content import Content
from cornernet.data.annotations.ground_truth import annotation, ground_truth
from cornernet.data.annotations.images import categories, check_folder, images
from cornernet.data.annotations.objects import objects
from cornernet.data.annotations.packed import away, back, pack, unpack
from cornernet.data.depths import AUTO, Depth
from cornernet.data.geometry import resized_boxes
from cornernet.data.images import read_image
from cornernet.data.problems import Problems
from cornernet.data.records import Records
from cornernet.data.source import Division, ImageRecord, Objects
from cornernet.data.storage import ASKED, reaching


@dataclass
class AnnotatedSet:
    """A checked set of files; a Source. Label i stands for category_ids[i], named class_names[i]."""

    origin: str  # the file or folder it was read from
    root: Path  # folder of the images
    records: Records  # in file order
    objects: Objects  # of all images, crowds among them
    class_names: list[str]
    category_ids: list[int]  # sorted
    problems: Problems  # what was left out or repaired
    by_name: bool = False  # whether its classes meet those of another set by name
    notes: tuple[tuple[str, str], ...] = ()  # what check_data says of it besides: name and text
    division: Division | None = None  # what the set it is a part of was divided into
    bit_depth: Depth = AUTO  # data.bit_depth

    def __len__(self) -> int:
        """Number of images."""
        return len(self.records)

    def image(self, i: int) -> np.ndarray:
        """Image [H, W, 3] uint8, BGR, of the size in the file.

        Raises ValueError or OSError naming an image that cannot be used, Away where none could be.
        """
        return self._read(self.records[i])

    def sized(self, i: int, longest_side: int) -> tuple[np.ndarray, np.ndarray]:
        """Image i and its boxes, float64, resized to a longest side; raises as `image`.

        A JPEG that shrinks a lot by that is decoded at a part of its size, see `reduced`.
        """
        record = self.records[i]
        image = self._read(record, longest_side)
        boxes = self.boxes(i).astype(np.float64)
        return image, resized_boxes(boxes, (record.height, record.width), image.shape[:2])

    def _read(self, record: ImageRecord, longest_side: int | None = None) -> np.ndarray:
        path = self.root / record.file_name
        with reaching(path, self._others(record)):
            return read_image(path, record.width, record.height, self.bit_depth, longest_side)

    def _others(self, record: ImageRecord) -> Iterator[Path]:
        """Some of the other images in the folder of this one."""
        folder = os.path.dirname(record.file_name)
        names = [r.file_name for r in self.records if os.path.dirname(r.file_name) == folder and r != record]
        yield from (self.root / name for name in names[:: 1 + len(names) // ASKED])

    def boxes(self, i: int) -> np.ndarray:
        """Boxes [n, 4] float32, xyxy edges inside the image, without crowds."""
        return self.objects.boxes[self._rows(i)]

    def labels(self, i: int) -> np.ndarray:
        """Labels [n] int64 of these boxes."""
        return self.objects.labels[self._rows(i)]

    def record(self, i: int) -> ImageRecord:
        """Id, file name and size."""
        return self.records[i]

    def coco(self) -> dict:
        """Ground truth as a COCO dict with what the evaluation needs; crowds keep their segmentation."""
        o, entries = self.objects, []
        for i, record in enumerate(self.records):
            for row in range(o.start[i], o.start[i + 1]):
                category, crowd = self.category_ids[o.labels[row]], int(o.iscrowd[row])
                bbox, area, mask = o.bbox[row].tolist(), float(o.area[row]), o.segmentation.get(row)
                entries.append(annotation(record.image_id, category, bbox, area, crowd, mask))
        return ground_truth(self.records, entries, self.category_ids, self.class_names)

    def __getstate__(self) -> dict[str, Any]:
        """All it has for a process that is not forked; what lies in a file is looked up there, and not sent."""
        arrays = {name: away(array) for name, array in pack(self.records, self.objects).items()}
        return {**vars(self), "records": None, "objects": None, "arrays": arrays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` gave."""
        records, found = unpack(back(state.pop("arrays")))
        vars(self).update(state, records=records, objects=found)

    def _rows(self, i: int) -> np.ndarray:
        rows = np.arange(self.objects.start[i], self.objects.start[i + 1])
        return rows[~self.objects.iscrowd[rows]]


def checked(content: Content, problems: Problems) -> AnnotatedSet:
    """Content of a set -> AnnotatedSet.

    Every record is checked: names, sizes, ids, boxes, and that the image exists (it is not opened). A bad one ends the
    reading with ValueError naming file and record, or is left out and counted, as the problems were told. Raises
    FileNotFoundError for a wrong folder and ValueError for what is no set at all, in either case.
    """
    category_ids, class_names = categories(content.categories, problems)
    check_folder(content.images, content.root, problems)
    found = images(content.images, content.root, problems)
    records = Records.of(record for record in found.values() if record)
    rows = objects(content.annotations, found, records, category_ids, problems)
    return AnnotatedSet(
        problems.source, content.root, records, rows, class_names, category_ids, problems, content.by_name,
        content.notes,
    )  # fmt: skip


def with_classes(source: AnnotatedSet, category_ids: list[int], class_names: list[str]) -> AnnotatedSet:
    """The same set with the labels of another one, as validation needs those of training.

    Categories meet by id, or by name where the format has no ids. Raises ValueError where an object's category is not
    among the given ones or an id has another name there.
    """
    by_name = source.by_name and all(len(set(names)) == len(names) for names in (source.class_names, class_names))
    own = _ids_by_name(source, category_ids, class_names) if by_name else source.category_ids
    names = dict(zip(category_ids, class_names, strict=True))
    used = {own[label] for label in np.unique(source.objects.labels)}
    for number, name in zip(own, source.class_names, strict=True):
        if number in used and number not in names:
            known = f"classes are {class_names}" if by_name else f"category ids are {category_ids}"
            what = f"class {name!r}" if by_name else f"category {number} ({name!r})"
            raise ValueError(f"{source.origin}: {what} is unknown to the training set, whose {known}")
        if names.get(number, name) != name:
            raise ValueError(
                f"{source.origin}: category {number} is {name!r} here and {names[number]!r} in the training set"
            )
    position = {number: at for at, number in enumerate(category_ids)}
    table = np.array([position.get(number, -1) for number in own], np.int64)
    rows = source.objects._replace(labels=table[source.objects.labels])
    return replace(source, objects=rows, category_ids=list(category_ids), class_names=list(class_names))


def _ids_by_name(source: AnnotatedSet, category_ids: list[int], class_names: list[str]) -> list[int]:
    """Ids that the set's classes have elsewhere; one beyond all of them for each that is unknown there."""
    ids = dict(zip(class_names, category_ids, strict=True))
    free = max(category_ids, default=0) + 1
    return [ids.get(name, free + at) for at, name in enumerate(source.class_names)]


def first(source: AnnotatedSet, limit: int | None) -> AnnotatedSet:
    """The first `limit` images that hold an object, crowds not counted; None leaves the set as it is.

    Raises ValueError for a limit below 1.
    """
    if limit is None:
        return source
    if limit < 1:
        raise ValueError(f"limit must be at least 1 or null, got {limit}")
    return chosen(source, [i for i in range(len(source)) if len(source.boxes(i))][:limit])


def chosen(source: AnnotatedSet, images: list[int]) -> AnnotatedSet:
    """The images at these positions, with all they have."""
    at = np.array(images, np.int64)
    start, end = source.objects.start[at], source.objects.start[at + 1]
    begin = np.append(0, np.cumsum(end - start))
    rows = np.repeat(start - begin[:-1], end - start) + np.arange(begin[-1])
    return replace(source, records=source.records.of_rows(images), objects=source.objects.of_rows(rows, begin))
