"""CSV: a table a split, a row an object, with a header; images in images/<split>.

An image without an object has one row, with its name and size alone.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from cornernet.data.labelled import Labelled, digits

IMAGES, ONE_FOLDER = "images/{split}", False
KEEPS = frozenset({"crowds"})
HEADER = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")
DIGITS = 6  # of a pixel


def files(
    parts: Mapping[str, Sequence[Labelled]], class_names: Sequence[str], category_ids: Sequence[int] | None = None
) -> Iterator[tuple[str, str]]:
    """Images by split and names of their labels -> <split>.csv and its text."""
    for split, images in parts.items():
        yield f"{split}.csv", text(images, class_names)


def text(images: Sequence[Labelled], class_names: Sequence[str]) -> str:
    """Images and the names of their labels -> the table; columns of crowds and of scores where there are some."""
    crowded = any(image.crowds is not None and image.crowds.any() for image in images)
    scored = any(image.scores is not None for image in images)
    out = io.StringIO(newline="")
    table = csv.DictWriter(
        out, [*HEADER, *["iscrowd"] * crowded, *["score"] * scored], "", "ignore", lineterminator="\n"
    )
    table.writeheader()
    for image in images:
        table.writerows(_rows(image, class_names))
    return out.getvalue()


def _rows(image: Labelled, class_names: Sequence[str]) -> list[dict[str, object]]:
    about = dict(zip(HEADER, (image.record.file_name, image.record.width, image.record.height), strict=False))
    rows = []
    for _, edges, label, crowd, score in image.objects():
        box = dict(zip(HEADER[4:], (digits(v, DIGITS) for v in edges), strict=True))
        rows.append({**about, "class": class_names[label], **box, "iscrowd": int(crowd), "score": score})
    return rows or [about]
