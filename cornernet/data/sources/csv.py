"""CSV: a line an object, with image, class and box; a header says which, or the order of keras-retinanet.

Read are corners (xmin, ymin, xmax, ymax), corner and size (x, y, width, height), centre and size, and a column bbox
with `[x, y, w, h]`; in pixels, or in shares of the image where hardly a number is larger than 1. A line without a box
says that its image has no objects.
"""

import re
from pathlib import Path
from typing import NamedTuple

from cornernet.data.annotations import Asked, Content
from cornernet.data.annotations.locating import file_named, file_of, image_folder, splits_named
from cornernet.data.annotations.names import Folder, clean
from cornernet.data.annotations.sizes import known_size
from cornernet.data.annotations.table import CENTRED, CORNERS, Table, box_columns, looks_like_one, read_table
from cornernet.data.annotations.tree import SPLIT_OF, listed
from cornernet.data.problems import Problems

LOOKED = 200_000  # entries of a folder
INNER = (*SPLIT_OF, "annotations", "data", "labels")  # folders in which tables may be
LONGEST = 2**32  # bytes of a file
SUFFIXES = (".csv", ".tsv")  # of the tables of a folder; one that is named may be called as it likes
SHARES = 0.95  # of the numbers that are at most 1, from which on they are shares of the image
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Row(NamedTuple):
    """A line of the table."""

    where: str
    file: str  # as written
    name: str  # of the class
    box: list[float]  # [] of an image without objects
    size: tuple[int, int] | None  # width and height, where the table has them
    crowd: bool


def recognises(path: Path) -> bool:
    """Whether a path is a table whose first line names or holds an image and a box, or a folder with such."""
    return bool(_files(path)) if path.is_dir() else path.suffix.lower() != ".json" and looks_like_one(path)


def splits(path: Path) -> set[str]:
    """Which of "train" and "val" the files of a folder are named after, or a column split of a file tells apart."""
    if path.is_dir():
        return splits_named(_files(path), path)
    table = read_table(path, LONGEST)
    at = table.columns.get("split")
    found = {SPLIT_OF.get(cells[at].strip().lower()) for _, cells in table.rows if len(cells) > at} if at else set()
    return {split for split in found if split in ("train", "val")}


def parse(asked: Asked, problems: Problems) -> Content:
    """Table, or folder with one for the split -> Content; classes are sorted by name."""
    path = file_of(asked, _files(asked.path)) if asked.path.is_dir() else asked.path
    problems.source = str(path)
    rows = _rows(read_table(path, LONGEST), asked.split, problems)
    root = asked.images or image_folder([row.file for row in rows], asked._replace(path=path), file_named)
    images = _images(rows, root)
    numbers = {name: at for at, name in enumerate(sorted({row.name for row in rows if row.box}), 1)}
    shares = _are_shares(rows)
    annotations = [_annotation(row, images[row.file], numbers[row.name], shares) for row in rows if row.box]
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    boxes = "shares of the image" if shares else "pixels"
    entries = list({entry["id"]: entry for entry in images.values()}.values())
    return Content(entries, annotations, categories, root, by_name=True, notes=(("boxes", f"read as {boxes}"),))


def _files(folder: Path) -> list[Path]:
    """Tables of boxes directly in a folder; where there are none, in the folders of its splits or labels."""
    folders, names = listed(folder, LOOKED)
    inner = (
        [inside / name for name in listed(inside, LOOKED)[1]] for inside in folders if inside.name.lower() in INNER
    )
    places = ([folder / name for name in names], [file for files in inner for file in files])
    tables = ([x for x in files if x.name.lower().endswith(SUFFIXES) and looks_like_one(x)] for files in places)
    return next((found for found in tables if found), [])


def _rows(table: Table, split: str, problems: Problems) -> list[Row]:
    """Rows of the split that can be used; a table whose column of splits has no such split is one set."""
    columns, box = table.columns, box_columns(table.columns)
    found: list[tuple[str, Row]] = []
    for line, cells in table.rows:
        held = {name: cells[at].strip() if at < len(cells) else "" for name, at in columns.items()}
        row = _row(f"line {line}", held, box)
        if isinstance(row, str):
            problems.skip("bad table line", f"line {line}: {row}")
        else:
            found.append((SPLIT_OF.get(held.get("split", "").lower(), ""), row))
    return [row for part, row in found if part == split] or [row for _, row in found]


def _row(where: str, held: dict[str, str], box: tuple[str, ...]) -> Row | str:
    """Cells by what they hold -> Row, or why there is none."""
    texts = [held[name] for name in box]
    if box == ("bbox",) and texts[0]:
        texts = NUMBER.findall(texts[0])
    if not held["file"]:
        return "expected the name of an image, got none"
    try:
        values = [float(text.replace(",", ".")) for text in texts if any(texts)]
    except ValueError:
        return f"expected four numbers for the box, got {texts}"
    if len(values) not in (0, 4):
        return f"expected four numbers for the box, got {held['bbox']!r}"
    name = held.get("class", "object")
    if values and not name:
        return "expected the name of a class, got none"
    sides = [held.get(side, "").removesuffix(".0") for side in ("width", "height")]
    size = (int(sides[0]), int(sides[1])) if all(x.isdecimal() and 0 < int(x) < 10**9 for x in sides) else None
    return Row(where, held["file"], name, _sized(values, box), size, held.get("crowd", "") in ("1", "true", "True"))


def _sized(values: list[float], box: tuple[str, ...]) -> list[float]:
    """Numbers of a box -> [x, y, w, h]."""
    if not values:
        return []
    x, y, w, h = values
    if box == CORNERS:
        return [x, y, w - x, h - y]
    return [x - w / 2, y - h / 2, w, h] if box == CENTRED else values


def _images(rows: list[Row], root: Path) -> dict[str, dict]:
    """File names as written -> entries of the images; two names of one file are one image."""
    folder, found = Folder(root), dict[str, dict]()
    entries: dict[str, dict] = {}
    for row in rows:
        if row.file not in entries:
            name = file_named(folder, row.file) or clean(row.file)
            width, height = row.size or known_size(root / name)
            entry = {"id": len(found) + 1, "file_name": name, "width": width, "height": height}
            entries[row.file] = found.setdefault(name, entry)
    return entries


def _are_shares(rows: list[Row]) -> bool:
    """Whether the boxes are shares of the image: hardly a number is larger than 1."""
    values = [value for row in rows for value in row.box]
    return bool(values) and sum(abs(value) <= 1 for value in values) >= SHARES * len(values)


def _annotation(row: Row, image: dict, number: int, shares: bool) -> dict:
    sides = (image["width"] or 1, image["height"] or 1) if shares else (1, 1)
    bbox = [value * side for value, side in zip(row.box, (*sides, *sides), strict=True)]
    found = {"id": row.where, "image_id": image["id"], "category_id": number, "bbox": bbox}
    return {**found, "iscrowd": int(row.crowd)}
