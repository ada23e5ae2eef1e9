"""A lock on a folder that its process holds until it lets go or dies, however it dies.

It is a record lock (`lockf`), which holds across machines on NFS and is not passed on to forked loader processes: one
of `flock`, which the usual libraries take, would outlive the training in a worker that has lost its parent.
"""

import errno
import logging
import os
import re
import socket
import sys
import time
from pathlib import Path

log = logging.getLogger("cornernet")
FILE = ".lock"  # in the folder
BYTE = 2**30  # that is locked, behind all that is written, which others may read where locks are binding
CANNOT = {  # errors of file systems that have no locks, or no room for the file
    getattr(errno, name)
    for name in ("ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "ENOSPC", "EDQUOT", "EROFS")
    if hasattr(errno, name)
}
OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)  # a link may lead to a file of someone else's
PATIENCE = 2.0  # seconds that a process which was just killed may take to be gone
POLL = 0.05  # seconds between two tries
_mine: dict[tuple[int, int], int] = {}  # locked (device, inode) -> process; the system refuses a process nothing
_told: set[str] = set()  # folders of which was said that they cannot be locked


class InUse(ValueError):
    """Another process holds the lock."""


class Lock:
    """The lock on an existing folder; also a context that lets go at its end.

    Raises InUse, "work_dir ... is in use by HOST, process NUMBER", where it is not had within `patience` seconds. Where
    the file system has no locks that is said once, and nothing is held. Raises OSError for a symbolic link in place of
    its file.
    """

    def __init__(self, folder: str | Path, patience: float = PATIENCE, file: str = FILE):
        self.path = Path(folder) / file
        self.number: int | None = None  # of the locked file
        until = time.monotonic() + patience
        while not self._try():
            if time.monotonic() >= until:
                raise InUse(
                    f"work_dir {folder} is in use by {holder(self.path)}; "
                    "a folder takes one run at a time, another work_dir starts one beside it"
                )
            time.sleep(POLL)

    def _try(self) -> bool:
        """Whether the lock is had, or cannot be had by anyone."""
        try:
            if _is_mine(self.path):
                return False
            number = os.open(self.path, OPEN, 0o666)
        except FileNotFoundError:  # removed between two looks
            if not self.path.parent.is_dir():
                raise
            return False
        except OSError as error:
            if self.path.is_symlink():
                text = f"{self.path.name} is a symbolic link, which a lock does not follow"
                raise OSError(error.errno, text, str(self.path)) from None
            return _unlockable(self.path.parent, error)
        try:
            had = _lock(number) and self._is_there(number)
        except OSError as error:
            os.close(number)
            return _unlockable(self.path.parent, error)
        if not had:
            os.close(number)
            return False
        self.number = number
        _mine[_key(os.fstat(number))] = os.getpid()
        self._sign(number)
        return True

    def _is_there(self, number: int) -> bool:
        """Whether the locked file is the one of that name, and not one that its last holder has removed since."""
        own = os.fstat(number)
        try:  # links too: on a network disk a name may be remembered for a while after the file is gone
            return own.st_nlink > 0 and _key(os.stat(self.path)) == _key(own)
        except FileNotFoundError:
            return False

    def _sign(self, number: int) -> None:
        """Write who holds it, for the sentence of the next one; a full disk costs the name, not the lock."""
        try:
            os.ftruncate(number, 0)
            os.write(number, f"{_name()}\n".encode())
        except OSError as error:
            log.warning("%s could not be signed: %s", self.path, error.strerror)

    def release(self) -> None:
        """Let go, and take the file away while it is still held, so that no one locks what is about to vanish."""
        if self.number is None:
            return
        number, self.number = self.number, None
        if os.name == "posix":
            self._remove(number)
        _mine.pop(_key(os.fstat(number)), None)
        os.close(number)

    def _remove(self, number: int) -> None:
        try:
            if self._is_there(number):
                self.path.unlink()
        except OSError as error:  # a disk that has become read-only or is gone
            log.warning("%s could not be removed: %s", self.path, error.strerror)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.release()


def holder(path: Path) -> str:
    """Who has signed a lock's file; only a name and a number are believed of it, as it may come from anywhere."""
    if _is_mine(path):
        return _name()
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(300).strip()
    except OSError:
        text = ""
    return text if re.fullmatch(r"[\w.-]+, process \d+", text, re.ASCII) else "another process"


def held(folder: str | Path, file: str = FILE) -> bool:
    """Whether another lock on the folder is held at this moment."""
    if not (Path(folder) / file).exists():
        return False
    try:
        lock = Lock(folder, 0, file)
    except InUse:
        return True
    lock.release()
    return False


def _is_mine(path: Path) -> bool:
    """Whether this process has locked the file, and would lose the lock if it opened and closed it once more."""
    try:
        return _mine.get(_key(os.stat(path))) == os.getpid()  # a forked process has none of them
    except FileNotFoundError:
        return False


def _name() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"


def _key(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _unlockable(folder: Path, error: OSError) -> bool:
    """True, and said once, where the file system has no locks; raises any other error."""
    if error.errno not in CANNOT:
        raise error
    if str(folder) not in _told:
        _told.add(str(folder))
        log.warning(
            "%s cannot be locked: %s; the run goes on, but nothing keeps a second one out of its folder",
            folder, error.strerror,
        )  # fmt: skip
    return True


def _lock(number: int) -> bool:
    """Lock the open file -> whether it was free."""
    try:
        if sys.platform != "win32":
            import fcntl

            fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, BYTE)
        else:
            import msvcrt

            os.lseek(number, BYTE, os.SEEK_SET)
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
            os.lseek(number, 0, os.SEEK_SET)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.ESTALE):
            return False
        raise
    return True
