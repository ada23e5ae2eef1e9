"""Data sets in COCO format: any annotation file and the folder of its images."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cornernet.data.images import read_image
from cornernet.data.problems import Problems
from cornernet.data.sources.coco_file import parse, require
from cornernet.data.sources.coco_images import categories, check_folder, images
from cornernet.data.sources.coco_objects import Objects, objects
from cornernet.data.sources.ground_truth import annotation, ground_truth
from cornernet.data.sources.source import ImageRecord
from cornernet.data.storage import ASKED, reaching


@dataclass
class CocoSet:
    """A checked COCO set; a Source. Label i stands for category_ids[i], named class_names[i]."""

    annotations: Path  # the file it was read from
    root: Path  # folder of the images
    records: list[ImageRecord]  # in file order
    objects: Objects  # of all images, crowds among them
    class_names: list[str]
    category_ids: list[int]  # sorted
    problems: Problems  # what was left out or repaired

    def __len__(self) -> int:
        """Number of images."""
        return len(self.records)

    def image(self, i: int) -> np.ndarray:
        """Image [H, W, 3] uint8, BGR, of the size in the file.

        Raises ValueError or OSError naming an image that cannot be used, Away where none could be.
        """
        record = self.records[i]
        path = self.root / record.file_name
        with reaching(path, self._others(record)):
            return read_image(path, record.width, record.height)

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

    def _rows(self, i: int) -> np.ndarray:
        rows = np.arange(self.objects.start[i], self.objects.start[i + 1])
        return rows[~self.objects.iscrowd[rows]]


def read(annotations: str | Path, images_dir: str | Path, on_error: str = "stop", quiet: bool = False) -> CocoSet:
    """COCO json and folder of its images -> CocoSet.

    Every record is checked: names, sizes, ids, boxes, and that the image exists (it is not opened). on_error says
    what happens to a bad one: "stop" raises ValueError naming file and record, "skip" leaves it out and counts it in
    `problems`; each kind is logged once, unless quiet. Raises FileNotFoundError for a missing file or a wrong folder
    and ValueError for a file that is no COCO set at all, whatever on_error says.
    """
    path, root = Path(annotations), Path(images_dir)
    require([path], [root])
    content = parse(path)
    problems = Problems(str(path), on_error)
    category_ids, class_names = categories(content["categories"], problems)
    check_folder(content["images"], root, problems)
    found = images(content["images"], root, problems)
    rows = objects(content["annotations"], found, category_ids, problems)
    if not quiet:
        problems.tell()
    return CocoSet(path, root, [r for r in found.values() if r], rows, class_names, category_ids, problems)


def with_classes(source: CocoSet, category_ids: list[int], class_names: list[str]) -> CocoSet:
    """The same set with the labels of another one, as validation needs those of training; categories meet by id.

    Raises ValueError where an object's category is not among the given ones or an id has another name there.
    """
    names = dict(zip(category_ids, class_names, strict=True))
    used = {source.category_ids[label] for label in np.unique(source.objects.labels)}
    for number, name in zip(source.category_ids, source.class_names, strict=True):
        if number in used and number not in names:
            raise ValueError(
                f"{source.annotations}: category {number} ({name!r}) is unknown to the training set, "
                f"whose category ids are {category_ids}"
            )
        if names.get(number, name) != name:
            raise ValueError(
                f"{source.annotations}: category {number} is {name!r} here and {names[number]!r} in the training set"
            )
    position = {number: at for at, number in enumerate(category_ids)}
    table = np.array([position.get(number, -1) for number in source.category_ids], np.int64)
    rows = source.objects._replace(labels=table[source.objects.labels])
    return replace(source, objects=rows, category_ids=list(category_ids), class_names=list(class_names))


def first(source: CocoSet, limit: int | None) -> CocoSet:
    """The first `limit` images that hold an object, crowds not counted; None leaves the set as it is.

    Raises ValueError for a limit below 1.
    """
    if limit is None:
        return source
    if limit < 1:
        raise ValueError(f"limit must be at least 1 or null, got {limit}")
    chosen = [i for i in range(len(source)) if len(source.boxes(i))][:limit]
    o = source.objects
    rows = np.concatenate([np.arange(o.start[i], o.start[i + 1]) for i in chosen] or [np.zeros(0, np.int64)])
    start = np.cumsum([0, *(o.start[i + 1] - o.start[i] for i in chosen)])
    segmentation = {new: o.segmentation[old] for new, old in enumerate(rows.tolist()) if old in o.segmentation}
    arrays = {name: getattr(o, name)[rows] for name in ("bbox", "boxes", "labels", "iscrowd", "area")}
    records = [source.records[i] for i in chosen]
    return replace(source, records=records, objects=Objects(start=start, segmentation=segmentation, **arrays))
