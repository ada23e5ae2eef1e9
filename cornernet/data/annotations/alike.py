"""Which file is meant by a name that no file has: encoded, prefixed, in other letters or with another ending."""

import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, unquote_plus

from cornernet.data.images import SUFFIXES

DEEPEST, FOLDERS, LOOKED = 4, 500, 100_000  # levels, folders and entries of a folder in which a file is looked for
ADDED = re.compile(r"^[0-9a-f]{8}-(?=.)|[._](?:jpe?g|png|bmp)\.rf\.[0-9a-zA-Z]+(?=\.\w+$)")  # by Label Studio, Roboflow
Index = dict[str, list[str]]  # name or stem, folded -> files


class Alike:
    """The images of a folder and of those inside it by their names, listed once and only when asked for."""

    def __init__(self, root: Path):
        """Folder to which the names that are found are relative."""
        self.root = root
        self._names: Index | None = None
        self._stems: Index = {}

    def find(self, written: str) -> str | None:
        """Name as someone's program wrote it -> the file that it may mean, most of whose folders it has, or None."""
        if self._names is None:
            self._names = self._listed()
        for index, key in ((self._names, lambda last: last), (self._stems, _stem)):
            for meant in meanings(written):
                parts = PurePosixPath(meant).parts
                if parts and (found := index.get(key(folded(parts[-1])))):
                    return max(found, key=lambda name: _shared(PurePosixPath(name).parts, parts))
        return None

    def _listed(self) -> Index:
        names: Index = {}
        for name in _files(self.root):
            last = folded(name.rpartition("/")[2])
            names.setdefault(last, []).append(name)
            self._stems.setdefault(_stem(last), []).append(name)
        return names


def meanings(written: str) -> list[str]:
    """Name as written -> what it may mean, with slashes: decoded, without what is asked of a server, or only that."""
    path, _, asked = written.partition("?")
    texts = [written, path, *(part.partition("=")[2] for part in asked.split("&"))]
    decoded = [change(text) for text in texts for change in (str, unquote, unquote_plus, lambda x: unquote(unquote(x)))]
    names = [text.replace("\\", "/").strip() for text in decoded]
    bare = ["/".join([*name.split("/")[:-1], ADDED.sub("", name.split("/")[-1])]) for name in names]
    return [name for name in dict.fromkeys([*names, *bare]) if name.strip("./")]


def folded(name: str) -> str:
    """Name as two people would read it aloud: without case, and with accents in one piece."""
    return unicodedata.normalize("NFC", name).casefold()


def _stem(last: str) -> str:
    """Name without the ending of an image, if it has one."""
    stem, suffix = os.path.splitext(last)
    return stem if suffix in SUFFIXES else last


def _shared(found: tuple[str, ...], written: tuple[str, ...]) -> int:
    """How many of the innermost folders two names have in common."""
    pairs = zip(reversed(found[:-1]), reversed(written[:-1]), strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if folded(one) != folded(other)), len(found) - 1)


def _files(root: Path) -> Iterator[str]:
    """Images below a folder, the outermost first; a folder that cannot be listed has none."""
    level, seen = [""], 0
    for _ in range(DEEPEST):
        inner: list[str] = []
        for folder in level:
            seen += 1
            if seen > FOLDERS:
                return
            for name, is_folder in _entries(root / folder):
                if is_folder:
                    inner.append(f"{folder}{name}/")
                elif os.path.splitext(name)[1].lower() in SUFFIXES:
                    yield folder + name
        level = inner


def _entries(folder: Path) -> list[tuple[str, bool]]:
    try:
        with os.scandir(folder) as found:
            return sorted((x.name, x.is_dir(follow_symlinks=False)) for x in islice(found, LOOKED) if x.name[0] != ".")
    except OSError:  # this is a hint: what may not be listed gives none
        return []
