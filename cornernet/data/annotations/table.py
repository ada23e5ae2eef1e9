"""A table of boxes as text: its separator, its columns and in what its boxes are measured, all found by looking."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cornernet.data.annotations.text import read_text
from cornernet.data.images import SUFFIXES

SEPARATORS = ",;\t|"
FILE = (
    "filename file image imagename imageid imageidentifier img imgname path imagepath filepath imagefile imagefilename"
)
CLASS = "class label classname labelname name category categoryname object objectclass tag classid labelid categoryid"
NAMES = {  # what a column holds -> how people call it, small letters and digits alone
    "file": FILE.split(),
    "class": CLASS.split(),
    "x1": "xmin x1 left bboxx1 xtl minx bboxxmin x0".split(),
    "y1": "ymin y1 top bboxy1 ytl miny bboxymin y0".split(),
    "x2": "xmax x2 right bboxx2 xbr maxx bboxxmax".split(),
    "y2": "ymax y2 bottom bboxy2 ybr maxy bboxymax".split(),
    "x": "x bboxx bboxleft boxx".split(),
    "y": "y bboxy bboxtop boxy".split(),
    "cx": "xcenter xcentre cx centerx bboxxcenter".split(),
    "cy": "ycenter ycentre cy centery bboxycenter".split(),
    "w": "w bboxwidth bboxw boxwidth boxw".split(),
    "h": "h bboxheight bboxh boxheight boxh".split(),
    "bbox": ["bbox", "box"],
    "width": "width imagewidth imgwidth imwidth".split(),
    "height": "height imageheight imgheight imheight".split(),
    "crowd": "iscrowd crowd isgroupof difficult".split(),
    "split": "split set subset usage".split(),
}
CORNERS, SIZED, CENTRED = ("x1", "y1", "x2", "y2"), ("x", "y", "w", "h"), ("cx", "cy", "w", "h")
KERAS = ("file", *CORNERS, "class")  # without a header
MAKESENSE = ("class", *SIZED, "file", "width", "height")  # likewise
NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


class Table(NamedTuple):
    """A table of which it is known what it holds."""

    path: Path
    columns: dict[str, int]  # what a column holds -> its position
    rows: Iterator[tuple[int, list[str]]]  # line in the file and cells


def looks_like_one(path: Path) -> bool:
    """Whether the first line of a file names, or holds, an image and a box."""
    with path.open("rb") as file:
        head = file.read(2**14)
    text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
    lines = text.splitlines()
    try:
        return bool(lines) and bool(_columns(_cells(lines[0])))
    except csv.Error:  # of a zero byte, on Python 3.10
        return False


def read_table(path: Path, longest: int) -> Table:
    """File -> Table; raises ValueError naming the columns where they are not those of boxes."""
    lines = read_text(path, "a table", longest).splitlines(keepends=True)
    separator = _separator(lines[0])
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        first = _cells(lines[0])
    except csv.Error as error:
        raise ValueError(f"{path}, line 1: {error}") from None
    columns = _columns(first)
    if not columns:
        raise ValueError(
            f"{path}: expected columns for the image (filename), the class and the box (xmin, ymin, xmax, ymax or "
            f"x, y, width, height), got {', '.join(first)}"
        )
    rows = _rows(path, reader)
    if _header(first):
        next(rows)
    return Table(path, columns, rows)


def _rows(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Lines and cells of the rows that hold anything; raises ValueError naming the line that is no row."""
    try:
        yield from ((reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells))
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from None


def _cells(line: str) -> list[str]:
    return next(csv.reader([line], delimiter=_separator(line), skipinitialspace=True), [])


def _separator(line: str) -> str:
    """The separator that a line has most of, outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", line)
    return max(SEPARATORS, key=bare.count)


def _columns(cells: list[str]) -> dict[str, int]:
    """Cells of the first line -> what the columns hold, {} where no box can be made of them."""
    return _header(cells) or _headless(cells)


def _header(cells: list[str]) -> dict[str, int]:
    """Cells that are names of columns -> what they hold, or {}."""
    names = [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in cells]
    found: dict[str, int] = {}
    for meaning, known in NAMES.items():
        at = min(
            (at for at, name in enumerate(names) if name in known), key=lambda at: known.index(names[at]), default=None
        )
        if at is not None:
            found[meaning] = at
    if {"x1", "y1"} <= found.keys() and not {"x2", "y2"} & found.keys():  # left, top, width, height
        found = {{"x1": "x", "y1": "y"}.get(meaning, meaning): at for meaning, at in found.items()}
    if {"x", "y"} <= found.keys() or {"cx", "cy"} <= found.keys():  # then width and height are those of the box
        found |= {
            side: found.pop(name)
            for side, name in (("w", "width"), ("h", "height"))
            if side not in found and name in found
        }
    return found if "file" in found and box_columns(found) else {}


def box_columns(columns: dict[str, int]) -> tuple[str, ...]:
    """The columns that make the box, () where there are none."""
    kinds = (CORNERS, SIZED, CENTRED, ("bbox",))
    return next((kind for kind in kinds if columns.keys() >= set(kind)), ())


def _headless(cells: list[str]) -> dict[str, int]:
    """Cells of a first row without names of columns -> what they hold after one of two habits, or {}."""
    for habit in (KERAS, MAKESENSE):
        columns = {name: at for at, name in enumerate(habit)}
        if len(cells) == len(habit) and Path(cells[columns["file"]].strip()).suffix.lower() in SUFFIXES:
            boxes = [cells[columns[name]] for name in box_columns(columns)]
            if all(NUMBER.fullmatch(x) for x in boxes) or (habit is KERAS and not any(x.strip() for x in boxes)):
                return columns
    return {}
