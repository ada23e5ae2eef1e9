"""Tells an image that cannot be used from images that cannot be reached, and waits for the latter to come back."""

import errno
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

from cornernet.errors import Failed

log = logging.getLogger(__name__)
T = TypeVar("T")
PAUSES = (0.25, 0.5, 1, 2, 3, 3.25)  # seconds between two tries, ten in all
OWN = {  # what can lie with one file; everything else lies with the disk, the network or the process
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM,
}  # fmt: skip
ASKED = 20  # other images at most that are tried in place of one


class Away(Failed):
    """Images cannot be reached: their folder is gone, the disk gives errors, something ran out."""


@contextmanager
def reaching(path: Path, others: Iterable[Path] = ()) -> Iterator[None]:
    """Around the reading of an image: raises Away for an error that is not the image's own.

    An image is missing, or may not be read, only where its folder is there and, of the others in that folder, one can
    be opened; else it is the folder that is missing, as a disk that is not mounted leaves an empty one.
    """
    try:
        yield
    except MemoryError as error:
        raise Away(f"{path} cannot be read: there is not enough memory") from error
    except OSError as error:
        if reason := _trouble(error, path, list(islice(others, ASKED))):
            raise Away(f"{path} cannot be read: {reason}") from error
        raise


def patiently(read: Callable[[], T], stopping: Callable[[], bool] = lambda: False) -> T:
    """What `read` returns; while it raises Away it is called again, for as long as PAUSES last or until `stopping`."""
    told = False
    for pause in PAUSES:
        try:
            return read()
        except Away as error:
            if stopping():
                raise
            if not told:
                log.warning("%s; trying again for %g seconds", error, sum(PAUSES))
            told = True
        _sleep(pause, stopping)
    try:
        return read()
    except Away as error:
        raise Away(f"{error}, and so for {sum(PAUSES):g} seconds") from error


def passable(error: ValueError | OSError) -> ValueError | OSError:
    """Why an image cannot be used -> an error of that kind that says which key goes on without it."""
    kind = next(x for x in (FileNotFoundError, OSError, ValueError) if isinstance(error, x))
    return kind(f"{error} (data.on_error=skip goes on without it)")


def _sleep(seconds: float, stopping: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while (rest := end - time.monotonic()) > 0 and not stopping():
        time.sleep(min(rest, 0.1))  # python sleeps on behind a signal whose handler only takes a note


def _trouble(error: OSError, path: Path, others: list[Path]) -> str:
    """Why more than this one image cannot be read, or ""; looks twice, since a folder may come back in between."""
    if error.errno is not None and error.errno not in OWN:
        return error.strerror or ""
    before, again, after = _lacking(path, others), _refusal(path), _lacking(path, others)
    if again is None:
        return "it was away for a moment" if path.is_file() else ""
    return (before or after) if again.errno in OWN else again.strerror or ""


def _lacking(path: Path, others: list[Path]) -> str:
    """What hinders reading any image of a folder, or ""."""
    if not os.path.isdir(path.parent):
        return f"the folder {path.parent} is gone or closed"
    if others and all(_refusal(other) for other in others):
        return f"none of the images in {path.parent} can be opened any more"
    return ""


def _refusal(path: Path) -> OSError | None:
    """Why a file cannot be opened; None if it can."""
    try:
        os.close(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)))
    except OSError as error:
        return error
    return None
