"""Image files at another place: under names that every format and system takes, linked or copied."""

import os
import re
import shutil
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from cornernet.data.images import SUFFIXES
from cornernet.system.printing import printable

LONGEST = 150  # bytes of a name
INNER = re.compile(rf"({'|'.join(map(re.escape, (*sorted(SUFFIXES), '.txt', '.xml')))})$", re.IGNORECASE)


def names(files: Iterable[str], taken: set[str]) -> list[str]:
    """Relative file names -> names in one folder, no two of which differ in their ending, case or accents alone.

    taken: what stands there already; the new names join it. Folders that all files share are left out, others become
    part of the name.
    """
    files = list(files)
    folders = {file.rpartition("/")[0] for file in files}
    shared = os.path.commonpath(folders) if "" not in folders and folders else ""
    return [_unique(*_plain(file[len(shared) :].lstrip("/").replace("/", "_")), taken) for file in files]


def _plain(name: str) -> tuple[str, str]:
    """Name -> (stem, ending), without what a list of names, or a program that splits them, would take for its own."""
    stem, suffix = os.path.splitext(printable(name).replace("\\", "_"))
    if suffix.lower() not in SUFFIXES:
        stem, suffix = stem + suffix, ".jpg"  # readers look for images by their ending and decode by content
    stem = INNER.sub(lambda found: found[0].replace(".", "_"), stem.strip(" .")) or "_"
    return stem.encode()[:LONGEST].decode(errors="ignore").strip(), suffix


def _unique(stem: str, suffix: str, taken: set[str]) -> str:
    name, number = stem, 1
    while (key := unicodedata.normalize("NFC", name).casefold()) in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(key)
    return name + suffix


def place(source: Path, target: Path, link: bool = True) -> str:
    """Put an image at a path that is free -> how: "hard link", "symbolic link" or "copy".

    With link the first of these that the system grants. Raises OSError where it grants none.
    """
    source = source.resolve()
    for how, put in (("hard link", os.link), ("symbolic link", os.symlink)) if link else ():
        try:
            put(source, target)
            return how
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):  # another disk, a disk without links, somebody else's file
            continue
    shutil.copyfile(source, target)
    return "copy"
