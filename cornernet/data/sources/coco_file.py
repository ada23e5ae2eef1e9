"""From an annotation file to a dict of three lists, or a sentence that says why not."""

import json
import os
from pathlib import Path

from cornernet.data.headers import foreign

LONGEST = 2**33  # bytes; the largest sets in this format have 6 GB
KEYS = ("images", "annotations", "categories")
COCO_2017 = (
    "COCO 2017 is at http://images.cocodataset.org: unpack zips/train2017.zip and zips/val2017.zip into images/ "
    "and annotations/annotations_trainval2017.zip, all below data.root"
)


def require(files: list[Path], folders: list[Path]) -> None:
    """Raise FileNotFoundError that lists every file and folder that is not there, and what to do about it."""
    missing = [f"file {p}" + (" (it is a folder)" if p.is_dir() else "") for p in files if not p.is_file()]
    missing += [f"folder {p}" + (" (it is a file)" if p.is_file() else "") for p in folders if not p.is_dir()]
    if not missing:
        return
    official = any(p.name.startswith("instances_") and "2017" in p.name for p in files)
    cure = f"; {COCO_2017}" if official else ""
    raise FileNotFoundError(
        f"there is no {', no '.join(missing)}; set data.root (the paths are relative to it), "
        f"data.train.images, data.train.annotations and the same two of data.val{cure}"
    )


def parse(path: Path) -> dict:
    """Annotation file -> dict whose images, annotations and categories are lists; raises ValueError naming the file."""
    content = _json(path, _text(path))
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise ValueError(f"{path} is not in COCO format: expected a dict with the keys {', '.join(KEYS)}, got a {kind}")
    if absent := [key for key in KEYS if key not in content]:
        raise ValueError(f"{path} is not in COCO format: the key {' and the key '.join(absent)} is missing")
    for key in KEYS:
        if not isinstance(content[key], list):
            raise ValueError(f"{path}: {key} must be a list, got {type(content[key]).__name__}")
    for key in ("images", "categories"):
        if not content[key]:
            raise ValueError(f"{path} lists no {key} (if the key appears twice, the last one counts)")
    return content


def _text(path: Path) -> str:
    """The file's text; UTF-8, UTF-16 or UTF-32, which the first bytes of a JSON file tell apart."""
    with path.open("rb") as file:
        _check_length(path, file.fileno())
        data = file.read()
    if not data.strip():
        raise ValueError(f"{path} is empty")
    if words := foreign(data[:64]):
        raise ValueError(f"{path} is not JSON: it {words}")
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not {error.encoding.upper()} text: {error.reason} at byte {error.start}; save it as UTF-8"
        ) from None


def _check_length(path: Path, file: int) -> None:
    """Raise ValueError for a file too long, or with a stretch that was never written: text has no such zeros."""
    length = os.fstat(file).st_size
    if length > LONGEST:
        raise ValueError(f"{path} is not an annotation file: it holds {length} bytes, at most {LONGEST} are allowed")
    if length and hasattr(os, "SEEK_HOLE") and (hole := os.lseek(file, 0, os.SEEK_HOLE)) < length:
        raise ValueError(f"{path} is not JSON: it holds nothing but zeros from byte {hole} on, as after a broken copy")
    os.lseek(file, 0, os.SEEK_SET)


def _json(path: Path, text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError(f"{path} is not in COCO format: its lists are nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise ValueError(f"{path} is not readable as JSON: {error}") from None
