"""Checked sets of large annotation files, kept for the next start; all processes of a machine share one in memory.

A file is named after the digest of the annotation file and of what was asked of it. Anyone may have written it: it is
used where it is whole and makes sense, and nothing of it is run.
"""

import hashlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from cornernet.data.annotations import stored
from cornernet.data.annotations.annotated import AnnotatedSet
from cornernet.data.annotations.content import Asked
from cornernet.data.annotations.locating import image_folder
from cornernet.data.annotations.names import Folder
from cornernet.data.annotations.packed import pack, unpack
from cornernet.data.annotations.sense import require_sense
from cornernet.data.problems import Finding, Problems, short
from cornernet.system.locking import InUse, Lock
from cornernet.version import __version__

log = logging.getLogger(__name__)
LEAST = 2**24  # bytes of an annotation file, from which on reading it takes more than a second
PATIENCE = 1800.0  # seconds that another process may take to read and check a file
UNUSED = 90 * 24 * 3600.0  # seconds after which a set that nobody has opened is removed
OPENED = {"unreadable image", "image without a size", "bad file name"}  # what depends on more than the names of images


def place() -> Path:
    """Folder of all that is kept; raises RuntimeError for a user without a home, as containers have them."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "cornernet" / "annotations"


def through(file: Path, asked: Asked, on_error: str, form: str, make: Callable[[], AnnotatedSet]) -> AnnotatedSet:
    """Set as `make` reads it from this file alone, in the format of this name, and as an earlier call has kept it.

    One process makes it, others wait for it. Where nothing can be kept each makes its own.
    """
    asked, before = asked._replace(path=file), os.stat(file)
    if before.st_size < LEAST:
        return make()
    try:
        path = place() / f"{_key(file, asked, on_error, form)}.set"
    except RuntimeError as error:  # a user without a home
        log.warning("checked annotations cannot be kept: %s (data.cache=false does not try)", error)
        return make()
    if found := _opened(path, file, asked, on_error):
        return found
    lock = _alone(path)
    if lock is None:  # what another process has made, unless that cannot be kept
        return _opened(path, file, asked, on_error) or make()
    with lock:
        if found := _opened(path, file, asked, on_error):
            return found
        made, after = make(), os.stat(file)
        unchanged = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
        if not unchanged or OPENED & (made.problems.skipped | made.problems.repaired).keys():
            return made
        _write(path, made)
        return _opened(path, file, asked, on_error) or made


def _alone(path: Path) -> Lock | None:
    """Lock of the one process that makes a set; None once another has done so, and where nothing can be kept."""
    why = ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for patience in (0, PATIENCE):
            try:
                lock = Lock(path.parent, patience, f"{path.stem}.lock")
            except InUse:
                why = f"another process has not read the file within {PATIENCE:g} seconds"
                continue
            if patience == 0:
                return lock
            lock.release()
            return None
    except OSError as error:
        why = error.strerror or str(error)
    log.warning("checked annotations cannot be kept in %s: %s (data.cache=false does not try)", path.parent, why)
    return None


def _key(file: Path, asked: Asked, *more: str) -> str:
    """Digest of all that a set follows from, but for the names of its images."""
    digest = hashlib.blake2b(digest_size=stored.DIGEST)
    with file.open("rb") as stream:
        while block := stream.read(stored.BLOCK):
            digest.update(block)
    digest.update(json.dumps([stored.MAGIC.decode(), __version__, *more, *map(str, asked)]).encode())
    return digest.hexdigest()


def _write(path: Path, made: AnnotatedSet) -> None:
    """Keep a set, and remove those that nobody has opened for long; a disk that does not take it is said."""
    problems = made.problems
    header = {
        "root": str(made.root), "class_names": made.class_names, "category_ids": made.category_ids,
        "skipped": problems.skipped, "repaired": problems.repaired, "first": problems.first, "absent": problems.absent,
    }  # fmt: skip
    try:
        stored.write(path, header, pack(made.records, made.objects))
        _tidy(path.parent)
    except OSError as error:
        log.warning("checked annotations could not be kept: %s (data.cache=false does not try)", error)


def _tidy(folder: Path) -> None:
    for other in folder.glob("*.set"):
        with suppress(OSError):  # another process has removed it
            if time.time() - other.stat().st_mtime > UNUSED:
                other.unlink()


def _opened(path: Path, file: Path, asked: Asked, on_error: str) -> AnnotatedSet | None:
    """The set that is kept at a path, None where there is none, where it is damaged and where images have changed."""
    try:
        found = _made(*stored.read(path), file, on_error)
        require_sense(found)
        if not _same_images(found, asked):
            log.info("the images of %s are not those of before, its annotations are read anew", file)
            return None
        with suppress(OSError):  # of a disk that may only be read
            os.utime(path)
        return found
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, OSError, RecursionError) as error:
        log.warning("%s is damaged, the annotations are read anew: %s", path, short(error))
        return None


def _same_images(found: AnnotatedSet, asked: Asked) -> bool:
    """Whether what was there when a set was made is, in the folder where it would be looked for, and nothing more."""
    names, absent, folder = [record.file_name for record in found.records], found.problems.absent, Folder(found.root)
    if (asked.images or image_folder(names + absent, asked)) != found.root:
        return False
    return all(map(folder.has, names)) and not any(map(folder.has, absent))


def _made(header: dict, arrays: dict[str, Any], file: Path, on_error: str) -> AnnotatedSet:
    problems = Problems(str(file), on_error)
    problems.skipped, problems.repaired = (
        Counter({short(kind): int(count) for kind, count in header[name].items()}) for name in ("skipped", "repaired")
    )
    for kind, (_, count, example, outcome, bad) in header["first"].items():
        problems.first[short(kind)] = Finding(short(kind), int(count), short(example), short(outcome), bool(bad))
    problems.absent = header["absent"]
    records, objects = unpack(arrays)
    return AnnotatedSet(
        str(file), Path(header["root"]), records, objects, header["class_names"], header["category_ids"], problems
    )
