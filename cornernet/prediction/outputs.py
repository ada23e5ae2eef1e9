"""Where the commands that come after a training write: into out=DIR, or a folder beside the checkpoint."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

KEYS = ("out=", "work_dir=")  # the latter names a run's folder in a config, and here as well


def split(overrides: Sequence[str]) -> tuple[str | None, list[str]]:
    """Overrides -> (folder that one of them names, or None; the others). Raises ValueError for an empty name."""
    chosen = None
    for text in overrides:
        if text.startswith(KEYS):
            chosen = text.partition("=")[2]
            if not chosen:
                raise ValueError(f"got {text!r}, expected a folder, such as out=predictions")
    return chosen, [text for text in overrides if not text.startswith(KEYS)]


def folder(checkpoint: str | Path, chosen: str | None, name: str) -> Path:
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


def alike(path: Path, name: str) -> list[Path]:
    """Folder -> itself, and if `claimed` may have made it, those that it has made before."""
    pattern = re.compile(rf"{re.escape(name)}(-\d+)?")
    beside = path.parent.glob(f"{name}*") if pattern.fullmatch(path.name) else []
    return [path, *(other for other in beside if pattern.fullmatch(other.name))]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend a temporary path beside `path`, and move it there once the block ends well.

    What stands there is whole until then. A link is replaced, not followed: what it leads to stays as it is.
    """
    temporary = path.with_name(f".{os.getpid()}.part{path.suffix}")
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def checked(path: Path) -> Path:
    """The folder, if it is one or can be made; raises ValueError otherwise."""
    there = next(x for x in (path, *path.absolute().parents) if x.exists())
    if not there.is_dir():
        raise ValueError(f"{path} cannot hold what is to be written: {there} is a file")
    if not os.access(there, os.W_OK):
        raise ValueError(f"{path} cannot hold what is to be written: {there} must not be written into")
    return path
