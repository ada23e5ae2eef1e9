"""Where the commands that come after a training write: into out=DIR, or a folder beside the checkpoint."""

import os
import re
from itertools import count
from pathlib import Path


def folder(checkpoint: str | Path, chosen: str | Path | None, name: str) -> Path:
    """The chosen folder, or one of this name beside the checkpoint; it need not exist.

    Raises ValueError at once if nothing can be written there, rather than after the work is done.
    """
    return checked(Path(chosen) if chosen else Path(checkpoint).parent / name)


def claimed(checkpoint: str | Path, name: str) -> Path:
    """Make the first of NAME, NAME-2, NAME-3, ... beside the checkpoint that is not there yet, so that it is ours."""
    parent = checked(Path(checkpoint).parent)
    for number in count(1):
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise AssertionError("there is always another number")


def alike(path: Path, name: str) -> list[Path]:
    """Folder -> itself, and if `claimed` may have made it, those that it has made before."""
    pattern = re.compile(rf"{re.escape(name)}(-\d+)?")
    beside = path.parent.glob(f"{name}*") if pattern.fullmatch(path.name) else []
    return [path, *(other for other in beside if pattern.fullmatch(other.name))]


def checked(path: Path) -> Path:
    """The folder, if it is one or can be made; raises ValueError otherwise."""
    there = next(x for x in (path, *path.absolute().parents) if x.exists())
    if not there.is_dir():
        raise ValueError(f"{path} cannot hold what is to be written: {there} is a file")
    if not os.access(there, os.W_OK):
        raise ValueError(f"{path} cannot hold what is to be written: {there} must not be written into")
    return path
