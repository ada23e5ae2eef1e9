"""COCO: one JSON file with the lists images, annotations and categories, and a folder of images."""

import json
from pathlib import Path

from cornernet.data.annotations import Asked, Content, read_text
from cornernet.data.annotations.locating import image_folder
from cornernet.data.problems import Problems

KEYS = ("images", "annotations", "categories")


def recognises(path: Path) -> bool:
    """Whether a path is a JSON file: what begins with a brace or says so by its name."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    return path.suffix.lower() == ".json" or head[:1] in (b"{", b"[")


def parse(asked: Asked, problems: Problems) -> Content:
    """JSON file -> Content; raises ValueError naming the file where it is none in this format."""
    held = load(asked.path)
    root = asked.images or image_folder(held["images"], asked)
    return Content(held["images"], held["annotations"], held["categories"], root)


def load(path: Path) -> dict:
    """JSON file -> dict whose images, annotations and categories are lists; raises ValueError naming the file."""
    content = _json(path, read_text(path, "JSON"))
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


def _json(path: Path, text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError(f"{path} is not in COCO format: its lists are nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise ValueError(f"{path} is not readable as JSON: {error}") from None
