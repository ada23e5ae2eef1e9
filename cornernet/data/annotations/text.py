"""Text of a file from anywhere: its length and its encoding are looked at before it is believed."""

import json
import os
from pathlib import Path

from cornernet.data.headers import foreign

LONGEST = 2**33  # bytes; the largest sets in COCO format have 6 GB
COCO_2017 = (
    "COCO 2017 is at http://images.cocodataset.org: unpack zips/train2017.zip and zips/val2017.zip into images/ "
    "and annotations/annotations_trainval2017.zip, all below data.root"
)


def require(paths: list[Path], folders: list[Path]) -> None:
    """Raise FileNotFoundError that lists every path and folder that is not there, and what to do about it."""
    missing = [f"file or folder {p}" for p in paths if not p.exists()]
    missing += [f"folder {p}" + (" (it is a file)" if p.is_file() else "") for p in folders if not p.is_dir()]
    if not missing:
        return
    official = any(p.name.startswith("instances_") and "2017" in p.name for p in paths)
    cure = f"; {COCO_2017}" if official else ""
    raise FileNotFoundError(
        f"there is no {', no '.join(missing)}; set data.root (the paths are relative to it), "
        f"data.train.images, data.train.annotations and the same two of data.val{cure}"
    )


def read_text(path: Path, kind: str = "text", longest: int = LONGEST) -> str:
    """The file's text; UTF-8, UTF-16 or UTF-32, which its first bytes tell apart; a byte order mark is left out.

    kind: what it should be, for the sentence. Raises ValueError naming the file where it is empty, longer than
    `longest` bytes or no text.
    """
    with path.open("rb") as file:
        check_length(path, file.fileno(), kind, longest)
        data = file.read(longest + 1)
    if not data.strip():
        raise ValueError(f"{path} is empty")
    if words := foreign(data[:64]):
        raise ValueError(f"{path} is not {kind}: it {words}")
    return decoded(path, data)


def decoded(path: Path, data: bytes) -> str:
    """Bytes of a file -> text, as `read_text` does."""
    try:
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not {error.encoding.upper()} text: {error.reason} at byte {error.start}; save it as UTF-8"
        ) from None


def check_length(path: Path, file: int, kind: str, longest: int = LONGEST) -> None:
    """Raise ValueError for a file too long, or with a stretch that was never written: text has no such zeros."""
    length = os.fstat(file).st_size
    if length > longest:
        raise ValueError(f"{path} is not an annotation file: it holds {length} bytes, at most {longest} are allowed")
    if length and hasattr(os, "SEEK_HOLE") and (hole := os.lseek(file, 0, os.SEEK_HOLE)) < length:
        raise ValueError(
            f"{path} is not {kind}: it holds nothing but zeros from byte {hole} on, as after a broken copy"
        )
    os.lseek(file, 0, os.SEEK_SET)
