"""Where the commands that come after a training write: into out=DIR, or a folder beside the checkpoint."""

import os
from collections.abc import Sequence
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


def checked(path: Path) -> Path:
    """The folder, if it is one or can be made; raises ValueError otherwise."""
    there = next(x for x in (path, *path.absolute().parents) if x.exists())
    if not there.is_dir():
        raise ValueError(f"{path} cannot hold what is to be written: {there} is a file")
    if not os.access(there, os.W_OK):
        raise ValueError(f"{path} cannot hold what is to be written: {there} must not be written into")
    return path
