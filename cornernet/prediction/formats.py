"""Objects of one image as the texts of label formats: a YOLO file, a VOC file, rows of a CSV file.

Edges are those of the toolkit: pixel i covers [i, i + 1]. They are written with 9 digits, so that they come back
as they were.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from cornernet.system.printing import printable

CSV_HEAD = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax", "score")
DIGITS = 9


class Labelled(NamedTuple):
    """Objects of one image, as plain values."""

    size: tuple[int, int]  # (height, width) in pixels
    boxes: list[list[float]]  # xyxy edges in pixels
    scores: list[float]
    labels: list[int]
    names: list[str]  # class name of each object


def yolo(found: Labelled, score: bool = False) -> str:
    """A line an object: label, centre x, centre y, width, height as shares of the image, and with `score` the score."""
    height, width = found.size
    lines = []
    for (x1, y1, x2, y2), label, value in zip(found.boxes, found.labels, found.scores, strict=True):
        shares = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height]
        numbers = [*shares, value] if score else shares
        lines.append(" ".join([str(label), *(f"{x:.{DIGITS}f}" for x in numbers)]) + "\n")
    return "".join(lines)


def voc(found: Labelled, file_name: str, score: bool = False) -> str:
    """XML of Pascal VOC; with `score` each object has an element `score`.

    Characters that XML does not have stand as escapes.
    """
    root = ElementTree.Element("annotation")
    _add(root, "filename", file_name)
    size = ElementTree.SubElement(root, "size")
    for name, length in zip(("width", "height", "depth"), (found.size[1], found.size[0], 3), strict=True):
        _add(size, name, length)
    for box, class_name, value in zip(found.boxes, found.names, found.scores, strict=True):
        item = ElementTree.SubElement(root, "object")
        for key, text in (("name", class_name), ("difficult", 0), *([("score", _number(value))] if score else [])):
            _add(item, key, text)
        corners = ElementTree.SubElement(item, "bndbox")
        for key, edge in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
            _add(corners, key, _number(edge))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows, the head among them -> CSV with commas, quotes where they are needed, and plain line ends."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def csv_rows(found: Labelled, file_name: str) -> list[tuple[object, ...]]:
    """A row an object, under CSV_HEAD; an image without any has none."""
    height, width = found.size
    return [
        (file_name, width, height, name, *map(_number, box), _number(value))
        for box, name, value in zip(found.boxes, found.names, found.scores, strict=True)
    ]


def _number(value: float) -> str:
    """At most 9 digits behind the point, and no zeros at the end."""
    return f"{value:.{DIGITS}f}".rstrip("0").rstrip(".")


def _add(parent: ElementTree.Element, name: str, text: object) -> None:
    ElementTree.SubElement(parent, name).text = printable(text)
