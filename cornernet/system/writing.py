"""Files that appear whole: written under a name of this process, then moved over the one they replace."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

HOST = re.sub(r"\W", "_", socket.gethostname())[:32] or "_"
# .last.node7-4711-3.part.pt for last.pt; the ending stays, since writers of images and graphs go by it
TEMPORARY = re.compile(r"\..*\.(?P<host>\w+)-(?P<process>\d+)-\d+\.part(\.[^.]*)?")
_numbers = count()
_lent: set[str] = set()  # that this process is writing at the moment


@contextmanager
def replacing(path: str | Path, tidy: bool = True) -> Iterator[Path]:
    """Lend a temporary path beside `path` to write to, and move it there once the block ends well.

    Until then what stands at `path` is whole; after an error it stands as it was. A link is replaced, not followed.
    tidy: remove first what dead processes of this machine left of earlier tries, for which the folder is listed.
    Raises FileNotFoundError where the folder of `path` is missing.
    """
    path = Path(path)
    check_place(path)
    temporary = _temporary(path)
    _lent.add(temporary.name)
    try:
        if tidy:
            sweep(path.parent, temporary.name.partition(f".{HOST}-")[0])
        yield temporary
        os.replace(temporary, path)
    finally:
        _lent.discard(temporary.name)
        temporary.unlink(missing_ok=True)


def check_place(path: str | Path) -> None:
    """Raise FileNotFoundError where the folder is missing in which a file is to be written."""
    if not (folder := Path(path).parent).is_dir():
        raise FileNotFoundError(f"there is no folder {folder} to write {Path(path).name} into")


def write(path: str | Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, as `replacing` does."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def _temporary(path: Path) -> Path:
    """A name that no other process and no other call has; of a long one the beginning, since names have a limit."""
    return path.with_name(f".{path.stem[:32]}.{HOST}-{os.getpid()}-{next(_numbers)}.part{path.suffix[:32]}")


def sweep(folder: Path, stem: str = ".", elsewhere: bool = False) -> None:
    """Remove temporary files, of names that begin with `stem`, whose process is dead.

    elsewhere: those of other machines too, which only the holder of the folder's lock can know to be dead.
    """
    with suppress(OSError):  # a folder that may be written but not listed, or a file that another has removed
        for path in folder.iterdir():
            found = TEMPORARY.fullmatch(path.name) if path.name.startswith(stem) else None
            if (
                found
                and path.name not in _lent
                and (elsewhere if found["host"] != HOST else _dead(int(found["process"])))
            ):
                path.unlink(missing_ok=True)


def _dead(process: int) -> bool:
    """Whether no process but this one has the number, which in a container may be that of the one before it."""
    if process == os.getpid():
        return True
    if os.name != "posix":  # there the question would end it
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # it is another user's
        return False
    return False
