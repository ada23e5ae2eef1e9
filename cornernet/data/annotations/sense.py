"""Whether the arrays of a set that was kept fit each other, and nothing in them leads out of its folder."""

import numpy as np

from cornernet.data.annotations.annotated import AnnotatedSet
from cornernet.data.annotations.names import bad_name
from cornernet.data.images import LARGEST
from cornernet.data.problems import presentable
from cornernet.data.texts import Texts


def require_sense(found: AnnotatedSet) -> None:
    """Raise ValueError for the first that does not, in whatever order; a text that is none raises it as well."""
    records, o = found.records, found.objects
    images, count, classes = len(records), len(o.labels), len(found.category_ids)
    if isinstance(records.ids, Texts):
        _require_texts("ids", records.ids, images)
        ids: list = [records.ids.at(i) for i in range(images)]
    else:
        ids = records.ids.tolist()
    if not len(ids) == len(set(ids)) == images:
        raise ValueError(f"its {images} images do not have one id each")
    _require_texts("names", records.names, images)
    _require_texts("masks", o.segmentation.texts, len(o.segmentation.rows))
    _require_texts("objects", Texts(o.start, o.labels), images)
    if {len(column) for column in (o.bbox, o.boxes, o.iscrowd, o.area)} != {count}:
        raise ValueError("its columns are not of one length")
    rows = o.segmentation.rows
    numbers = {
        "sizes": (records.sizes, 1, LARGEST), "labels": (o.labels, 0, classes - 1), "masks": (rows, 0, count - 1),
        "crowds": (o.iscrowd.view(np.uint8), 0, 1), "boxes": (o.boxes, -1, LARGEST),
    }  # fmt: skip
    for name, (values, low, high) in numbers.items():
        if values.size and not (values.min() >= low and values.max() <= high):
            raise ValueError(f"its {name} are not from {low} to {high}")
    if not (np.isfinite(o.bbox).all() and np.isfinite(o.area).all() and (np.diff(rows) > 0).all()):
        raise ValueError("its boxes, areas or masks make no sense")
    _require_classes(found)
    for name in (*(record.file_name for record in records), *found.problems.absent):
        if reason := bad_name(name):
            raise ValueError(f"a file name {reason}")


def _require_texts(what: str, held: Texts, count: int) -> None:
    """Raise ValueError where the places of so many texts, or of what else lies one behind the other, are none."""
    start = held.start
    if len(start) != count + 1 or start[0] != 0 or start[-1] != len(held.data) or (np.diff(start) < 0).any():
        raise ValueError(f"its {what} do not lie one behind the other")


def _require_classes(found: AnnotatedSet) -> None:
    ids, names = found.category_ids, found.class_names
    if not all(isinstance(name, str) and presentable(name) for name in names) or len(ids) != len(names):
        raise ValueError("its class names cannot be printed")
    if not all(type(number) is int for number in ids) or ids != sorted(set(ids)):
        raise ValueError("its category ids are not ascending")
