"""Where the images of an annotation file lie, if nobody says so."""

from pathlib import Path
from typing import Any

from cornernet.data.annotations.content import Asked
from cornernet.data.annotations.names import bad_name, clean

SAMPLE = 50  # names that are looked for in each folder


def image_folder(entries: list[Any], asked: Asked) -> Path:
    """Entries with a file_name and what was asked -> the folder in which most of a sample of them are.

    Looked through are data.root, the file's own folder and the one above it, each with its images/ and what is in
    that named after the file or the split; data.root where nothing is found.
    """
    names = [e["file_name"] for e in entries if isinstance(e, dict) and isinstance(e.get("file_name"), str)]
    names = [clean(name) for name in names[:: 1 + len(names) // SAMPLE] if not bad_name(name)]
    found = {folder: sum((folder / name).is_file() for name in names) for folder in _candidates(asked)}
    return max(found, key=lambda folder: found[folder])


def _candidates(asked: Asked) -> list[Path]:
    """Folders to look in; the first of those that serve alike is taken."""
    own = asked.path.parent
    stem = asked.path.stem.removeprefix("instances_")
    inside = [Path(), Path("images"), Path("images") / stem, Path("images") / asked.split, Path(stem)]
    return list(dict.fromkeys(base / part for base in (asked.root, own, own.parent) for part in inside))
