"""The images and classes of a set, checked record by record."""

import re
from pathlib import Path
from typing import Any

from cornernet.data.annotations.names import Folder, bad_name, clean
from cornernet.data.annotations.sizes import size_of
from cornernet.data.images import LARGEST
from cornernet.data.problems import Problems, presentable, short
from cornernet.data.source import ImageRecord
from cornernet.data.storage import reaching
from cornernet.system.wording import none_of

SAMPLE = 20  # names of which one is looked for that is written differently
HALF = re.compile("[\ud800-\udfff]")  # characters that no file can hold


def identifier(value: Any) -> int | str | None:
    """Id as found in a file -> the same as int (1.0 is 1) of 64 bits or non-empty str, None if it is neither."""
    if isinstance(value, str):
        return value if value and (value.isascii() or not HALF.search(value)) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < 2**63 and value == int(value) else None


def categories(entries: list, problems: Problems) -> tuple[list[int], list[str]]:
    """Entries of the file -> (ids sorted, names); raises ValueError, since every label hangs on them."""
    found: dict[int, str] = {}
    owner: dict[str, int] = {}
    for at, entry in enumerate(entries):
        number = identifier(entry.get("id")) if isinstance(entry, dict) else None
        if not isinstance(number, int):
            got = f"its id is {entry.get('id')!r}" if isinstance(entry, dict) else f"it is {entry!r}"
            problems.refuse(f"entry {at} of categories has no integer id of 64 bits, {got}")
        if number in found:
            problems.refuse(f"category id {number} is given twice, {found[number]!r} and {entry.get('name')!r}")
        name = found[number] = _class_name(number, entry.get("name"), problems)
        if owner.setdefault(name, number) != number:
            text = f"categories {owner[name]} and {number} are both named {name!r}"
            problems.repair("category name given twice", text, "kept apart by their ids")
    ids = sorted(found)
    return ids, [found[i] for i in ids]


def _class_name(number: int, name: Any, problems: Problems) -> str:
    """Name as in the file if it can be printed, one line of it, else the id."""
    if not isinstance(name, str) or not name.strip():
        text = f"category {number} is named {name!r}"
        problems.repair("category without a name", text, "its id is used")
        return str(number)
    if presentable(name):
        return name
    problems.repair("category name not printable", f"category {number} is named {name!r}", "escaped and cut")
    return short(name)


def images(entries: list, root: Path, problems: Problems) -> dict[int | str, ImageRecord | None]:
    """Entries of the file -> id: record, in file order; None for an image that was left out.

    Raises FileNotFoundError if no image at all is in the folder, and ValueError if none is left.
    """
    files = Folder(root)
    found: dict[int | str, ImageRecord | None] = {}
    for at, entry in enumerate(entries):
        number = identifier(entry.get("id")) if isinstance(entry, dict) else None
        if number is None:
            text = f"entry {at} of images has no id that is an integer of 64 bits or a text"
            problems.skip("image without an id", text)
        elif number in found:
            second = entry.get("file_name")
            problems.skip("image id given twice", f"image id {number} is given twice, the second time for {second!r}")
        else:
            found[number] = _record(number, entry, files, problems)
    if not any(found.values()):
        problems.refuse(f"{none_of(len(entries), 'image')} can be used: {problems.reasons()}")
    if len({type(number) for number in found}) > 1:
        problems.refuse("some image ids are integers, some strings; the metric needs one kind")
    _note_shared_files(found, problems)
    return found


def _note_shared_files(found: dict[int | str, ImageRecord | None], problems: Problems) -> None:
    owner: dict[str, int | str] = {}
    for number, record in found.items():
        if record and owner.setdefault(record.file_name, number) != number:
            text = f"images {owner[record.file_name]!r} and {number!r} are both {record.file_name}"
            problems.repair("file listed twice", text, "used twice")


def check_folder(entries: list, root: Path, problems: Problems) -> None:
    """Raise FileNotFoundError where not one of the listed images is in the folder: then it is the wrong folder."""
    files = Folder(root)
    names = [e["file_name"] for e in entries if isinstance(e, dict) and isinstance(e.get("file_name"), str)]
    names = [n for n in names if not bad_name(n)]
    if names and not any(files.has(clean(n)) for n in names):
        first = next((n for n in names[:SAMPLE] if files.near(n)), names[0])
        hint = short(f"(looked for {root / clean(first)}{files.near(first)})")
        cure = "set data.train.images and data.val.images to their folders"
        if files.near(first):
            cure += ", or write the names as the files have them"
        raise FileNotFoundError(
            f"{none_of(len(names), 'image')} that {problems.source} lists is in {root} {hint}; {cure}"
        )


def _record(number: int | str, entry: dict, files: "Folder", problems: Problems) -> ImageRecord | None:
    written: Any = entry.get("file_name")
    if reason := bad_name(written):
        hint = files.near(written)
        problems.skip("bad file name", f"image {number}: the file name {written!r} {reason}{hint}")
        return None
    name = clean(written)
    if not files.has(name):
        problems.absent.append(name)
        problems.skip("missing image", f"image {number}: there is no file {files.root / name}{files.near(written)}")
        return None
    size = _size(number, entry, files.root / name, problems)
    return ImageRecord(number, name, *size) if size else None


def _size(number: int | str, entry: dict, path: Path, problems: Problems) -> tuple[int, int] | None:
    """(width, height) of the entry, or of the file where the entry has none."""
    if entry.get("width") is None or entry.get("height") is None:
        try:
            with reaching(path):
                found = size_of(path)
        except (ValueError, OSError) as error:
            problems.skip("unreadable image", f"image {number}: {error}")
            return None
        text = f"image {number}: {path} has no width and height in the annotation file"
        problems.repair("image without a size", text, "read from the image")
        return found
    width, height = identifier(entry["width"]), identifier(entry["height"])
    if isinstance(width, int) and isinstance(height, int) and 0 < min(width, height) <= max(width, height) <= LARGEST:
        return width, height
    text = f"width {entry['width']!r} and height {entry['height']!r}"
    problems.skip("bad image size", f"image {number}: {text} must be positive integers of at most {LARGEST}")
    return None
