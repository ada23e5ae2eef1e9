"""COCO: one JSON file with the lists images, annotations and categories, and a folder of images."""

import json
import os
from pathlib import Path
from typing import Any

from cornernet.data.annotations import Asked, Content, read_text
from cornernet.data.annotations.columns import Columns
from cornernet.data.annotations.locating import file_of, image_folder, splits_named
from cornernet.data.annotations.strange import other_json
from cornernet.data.annotations.streaming import streamed
from cornernet.data.annotations.text import check_length
from cornernet.data.annotations.tree import SPLIT_OF, listed
from cornernet.data.problems import Problems
from cornernet.system.wording import kind

LOOKED = 200_000  # entries of a folder
ENDS = 2**16  # bytes at both ends of a file that are looked at to recognise it
OTHERS = ("captions", "person_keypoints", "stuff", "panoptic", "image_info")  # official files that are not of boxes
MOST = 50  # files of a folder; where there are more, each is about an image
KEYS = ("images", "annotations", "categories")
IMAGE = ("id", "file_name", "width", "height")  # keys of an image that are looked at


def recognises(path: Path) -> bool:
    """Whether a path is a JSON file, or a folder that holds files in this format, itself or in annotations/."""
    if path.is_dir():
        return bool(_files(path))
    with path.open("rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    return path.suffix.lower() == ".json" or head[:1] in (b"{", b"[")


def splits(path: Path) -> set[str]:
    """Which of "train" and "val" the files of a folder are named after."""
    return splits_named(_files(path), path) if path.is_dir() else set()


def one_file(asked: Asked) -> Path:
    """The JSON file of a folder that is for the split; raises ValueError where several may be."""
    return file_of(asked, _boxes(_files(asked.path))) if asked.path.is_dir() else asked.path


def parse(asked: Asked, problems: Problems) -> Content:
    """JSON file, or folder with one for the split -> Content; raises ValueError where there is none in this format."""
    path = one_file(asked)
    problems.source = str(path)
    held = load(path)
    root = asked.images or image_folder(_names(held["images"]), asked._replace(path=path))
    return Content(held["images"], held["annotations"], _without_root(held, problems), root)


def load(path: Path) -> dict:
    """JSON file -> dict whose images, annotations and categories are lists; raises ValueError naming the file."""
    with path.open("rb") as stream:
        check_length(path, stream.fileno(), "JSON")
    content: Any = streamed(path, {"images": (list, _image), "annotations": (Columns, _same)})
    content = _json(path, read_text(path, "JSON")) if content is None else content
    if words := other_json(content):
        raise ValueError(f"{path} {words}")
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} is not in COCO format: expected a dict with the keys {', '.join(KEYS)}, got {kind(content)}"
        )
    if absent := [key for key in KEYS if key not in content]:
        raise ValueError(f"{path} is not in COCO format: the key {' and the key '.join(absent)} is missing")
    for key in KEYS:
        if not isinstance(content[key], list | Columns):
            raise ValueError(f"{path}: {key} must be a list, got {kind(content[key])}")
    for key in ("images", "categories"):
        if not content[key]:
            raise ValueError(f"{path} lists no {key} (if the key appears twice, the last one counts)")
    return {**content, "annotations": _columns(content["annotations"])}


def _columns(entries: list | Columns) -> Columns:
    return entries if isinstance(entries, Columns) else Columns(entries)


def _image(entry: Any) -> Any:
    """Entry of an image without what nobody asks for."""
    return {key: entry[key] for key in IMAGE if key in entry} if isinstance(entry, dict) else entry


def _same(entry: Any) -> Any:
    return entry


def _without_root(held: dict, problems: Problems) -> list:
    """Categories without the root that Roboflow adds: it stands above all others and no object is of it."""
    entries = [x for x in held["categories"] if isinstance(x, dict)]
    used = held["annotations"].used()
    unused = [x for x in entries if _plain(x.get("id")) and x["id"] not in used and isinstance(x.get("name"), str)]
    root = next((x for x in unused if _above_all(x, entries)), None)
    if root is None:
        return held["categories"]
    problems.drop("category above all others", f"{root['name']!r} has no objects and all others below it")
    return [x for x in held["categories"] if x is not root]


def _above_all(root: dict, entries: list[dict]) -> bool:
    """Whether a category is what all others are said to be below."""
    others = [x.get("supercategory") for x in entries if x is not root]
    return others != [] and all(above == root["name"] for above in others)


def _plain(value: object) -> bool:
    return isinstance(value, int | float | str)


def _files(folder: Path) -> list[Path]:
    """JSON files of a folder and of its annotations/, else of its train/ and val/, that seem to hold boxes."""
    split_folders = [x for x in listed(folder, LOOKED)[0] if x.name.lower() in SPLIT_OF]
    return _boxes_in([folder, folder / "annotations"]) or _boxes_in(
        [place for x in split_folders for place in (x, x / "annotations")]
    )


def _boxes_in(folders: list[Path]) -> list[Path]:
    """JSON files directly in these folders that seem to hold boxes in this format."""
    found = [x for inside in folders for x in sorted(inside.glob("*.[jJ][sS][oO][nN]"))]
    found = [x for x in found if x.is_file() and not x.name.startswith((".", "_annotations.coco", *OTHERS))]
    return [x for x in found if _has_keys(x)] if len(found) <= MOST else []


def _has_keys(file: Path) -> bool:
    """Whether both the lists of images and of objects seem to be in a file, whose ends alone are read."""
    with file.open("rb") as stream:
        head = stream.read(ENDS)
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - ENDS))
        text = (head + stream.read()).replace(b"\0", b"")
    return any(key in text for key in (b'"file_name"', b'"bbox"')) and b"{" in text[:16]


def _boxes(files: list[Path]) -> list[Path]:
    """Files called instances, as the official ones of boxes are, where there are such."""
    return [x for x in files if x.name.startswith("instances")] or files


def _names(entries: list) -> list:
    return [x.get("file_name") for x in entries if isinstance(x, dict)]


def _json(path: Path, text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError(f"{path} is not in COCO format: its lists are nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise ValueError(f"{path} is not readable as JSON: {error}") from None
