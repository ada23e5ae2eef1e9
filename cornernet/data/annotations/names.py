"""File names as annotation files give them, and whether such a file is there."""

import errno
import os
import unicodedata
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from cornernet.data.annotations.alike import Alike
from cornernet.data.images import SUFFIXES

NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)  # a folder that is not there


def bad_name(name: Any) -> str:
    """Reason why a file name is refused, or ""; a data set must not reach outside its folder.

    Symbolic links inside the folder are followed: they are the doing of its owner, not of an annotation file.
    """
    if name is None or name == "":
        return "is missing or empty"
    if not isinstance(name, str):
        return "is not a text"
    if not name.strip(" ./\\"):
        return "names no file"
    if "\0" in name:
        return "holds a NUL character"
    if "://" in name:
        return "is a URL; download the images first"
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or path.parts[0][1:2] == ":":  # C:/x and C:x are elsewhere on Windows
        return "is an absolute path; names must be relative to the folder of the images"
    return "leaves the folder of the images" if ".." in path.parts else ""


def clean(name: str) -> str:
    """File name with slashes as on this system's annotation files: Windows ones are turned."""
    return str(PurePosixPath(name.replace("\\", "/")))


class Folder:
    """Answers whether a file exists by listing each folder once, which is what makes 100 000 answers cheap.

    Raises OSError for a folder that exists and cannot be listed.
    """

    def __init__(self, root: Path):
        """Folder to which all names are relative."""
        self.root = root
        self._names, self._stems, self._alike = cache(self._list), cache(self._by_stem), Alike(root)

    def has(self, name: str) -> bool:
        """Whether there is a file of that name, which is relative to the folder."""
        folder, _, last = name.rpartition("/")
        return last in self._names(folder)

    def of_stem(self, stem: str) -> str | None:
        """The image directly in the folder that has this name but for its ending, or None."""
        return self._stems().get(stem)

    def near(self, written: Any) -> str:
        """A hint to a file that a name may mean although it is written differently, or "".

        It happens between operating systems, and where a program encoded names or put folders of its own before them.
        """
        found = self._alike.find(written) if isinstance(written, str) else None
        if found is None:
            return ""
        same = unicodedata.normalize("NFC", found) == unicodedata.normalize("NFC", written)
        return f", but there is {ascii(found) if same else repr(found)}, written differently"

    def _list(self, folder: str) -> frozenset[str]:
        try:
            with os.scandir(self.root / folder) as entries:
                return frozenset(entry.name for entry in entries if _is_file(entry))
        except OSError as error:
            if error.errno in NOWHERE:
                return frozenset()
            raise
        except ValueError:  # half a character
            return frozenset()

    def _by_stem(self) -> dict[str, str]:
        images = (name for name in sorted(self._names("")) if PurePosixPath(name).suffix.lower() in SUFFIXES)
        return {PurePosixPath(name).stem: name for name in images}


def _is_file(entry: os.DirEntry) -> bool:
    """Whether an entry is a file or leads to one; a link in a circle or to where we may not look is none."""
    try:
        return entry.is_file()
    except OSError:
        return False
