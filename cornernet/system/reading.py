"""Reading that tells what is wrong with a file from what is wrong with the disk, the network or the memory."""

import errno
import os
import time
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from stat import S_ISREG
from typing import TypeVar

PAUSES = (0.2, 0.8, 2.0)  # seconds between tries
ABSENT = (FileNotFoundError, NotADirectoryError)
NO_MEMORY = ("can't allocate memory", "not enough memory")  # in the messages of torch's RuntimeErrors
T = TypeVar("T")


class Watched:
    """A file opened for reading, and in `error` why the system did not hand it over, whatever its reader makes of that.

    It has no file number, by which torch would read past it.
    """

    def __init__(self, file: BufferedReader):
        self.file = file
        self.error: OSError | MemoryError | None = None
        self.size, self.tell = file.seek(0, os.SEEK_END), file.tell
        file.seek(0)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """As a file does."""
        return self._noting(self.file.seek, place, whence)

    def seekable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """As a file does, but a length beyond the file's asks for no memory."""
        return self._noting(self.file.read, size if size is None or size < 0 else min(size, self.size))

    def readinto(self, target) -> int:
        """As a file does."""
        return self._noting(self.file.readinto, target)

    def readline(self, size: int = -1) -> bytes:
        """As a file does."""
        return self._noting(self.file.readline, size)

    def _noting(self, call: Callable[..., T], *arguments) -> T:
        try:
            return call(*arguments)
        except (OSError, MemoryError) as error:
            if getattr(error, "errno", None) != errno.EINVAL:  # a place that a damaged file names
                self.error = error
            raise


def patiently(path: Path, read: Callable[[], T]) -> T:
    """What `read` returns, tried a few times; raises FileNotFoundError, or an OSError that names the file and why."""
    for pause in (*PAUSES, None):
        try:
            return read()
        except ABSENT:
            raise
        except (OSError, MemoryError) as error:
            if pause is None:
                raise _sentence(path, error) from error
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def present(path: Path) -> bool:
    """Whether there is such a file; unlike Path.exists it raises OSError where the system does not tell."""
    try:
        return S_ISREG(patiently(path, lambda: os.stat(path)).st_mode)
    except ABSENT:
        return False


def _sentence(path: Path, error: OSError | MemoryError) -> OSError:
    """An error of the same kind, in one sentence."""
    if isinstance(error, OSError):
        kind = type(error) if type(error).__module__ == "builtins" else OSError
        number, reason = error.errno, error.strerror or str(error)
    else:
        kind, number, reason = OSError, errno.ENOMEM, "there is too little memory"
    found = kind(f"{path} could not be read: {reason} ({len(PAUSES) + 1} tries); no file was changed")
    found.errno = number
    return found
