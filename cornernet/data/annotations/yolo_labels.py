"""Where the label file of an image is: its folder named labels for images, or beside the image."""

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from cornernet.data.annotations.content import Asked
from cornernet.data.annotations.names import NOWHERE
from cornernet.data.annotations.text import read_text
from cornernet.data.annotations.tree import files, listed, split_of
from cornernet.data.images import SUFFIXES
from cornernet.data.problems import Problems, short
from cornernet.data.storage import OWN
from cornernet.system.wording import none_of

LISTS = ("classes", "train", "val", "valid", "test", "names", "labels", "predefined_classes", "obj", "readme")
LOOKED = 200_000  # entries of a folder that are looked at to recognise it
LIKE = {"Images": "Labels", "IMAGES": "LABELS"}
NUMBER = re.compile(rb"-?[\d.]+(e-?\d+)?")


class Labels:
    """The label files of a set, each folder of which is listed once."""

    def __init__(self, root: Path, asked: Asked):
        """Folder to which the names of images are relative, and what was asked: labels may lie in its path.

        Where the images were named apart, they may lie in any folder below that.
        """
        self.root, self.path, self.last, self.count = root, asked.path, "", 0
        self.split, self.elsewhere = asked.split, asked.images is not None
        self._below: dict[str, list[str]] | None = None  # stem -> label files below the path, listed when needed
        self._folders: dict[str, dict[str, str]] = {}
        self._taken: dict[str, set[str]] = {}

    def lines(self, image: str, longest: int, problems: Problems) -> Iterator[tuple[int, str]]:
        """Name of an image -> numbers and texts of the lines of its label file that are not empty.

        `last` names the file; a file that cannot be read is left out or ends the reading, as the problems say.
        """
        found = self._find(image)
        if found is None:
            return
        self.last, self.count = found, self.count + 1
        try:
            text = _text(f"{self.root}/{found}" if found[0] != "/" else found, longest)
        except (ValueError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in OWN:
                raise
            problems.skip("unreadable label file", str(error))
            return
        yield from ((at, line) for at, line in enumerate(text.splitlines(), 1) if line.strip())

    def require(self, images: list[str], path: Path) -> None:
        """Raise ValueError where not one of the images had a label file: then they were looked for elsewhere."""
        if not self.count:
            folder, _, name = images[0].rpartition("/")
            places = " and as ".join(f"{place}/{Path(name).stem}.txt".lstrip("/") for place in _places(folder))
            where = f"that of {images[0]} was looked for as {places} in {self.root}"
            raise ValueError(short(f"{path}: {none_of(len(images), 'image')} has a label file; {where}"))

    def tell_unused(self, problems: Problems) -> None:
        """Note label files that belong to no image of the set, in folders that have others."""
        for folder, taken in self._taken.items():
            for stem in sorted(self._folders[folder].keys() - taken - set(LISTS)):
                file = self.root / folder / self._folders[folder][stem]
                problems.drop("label file without an image", f"{file} belongs to no image of the set")

    def _find(self, image: str) -> str | None:
        folder, _, name = image.rpartition("/")
        stem = _folded(name.rpartition(".")[0])
        for place in (*_places(folder), str(self.path.absolute())):
            if place not in self._folders:
                self._folders[place] = _texts(self.root / place)
            if stem in self._folders[place]:
                self._taken.setdefault(place, set()).add(stem)
                return f"{place}/{self._folders[place][stem]}" if place else self._folders[place][stem]
        return self._apart(image) if self.elsewhere else None

    def _apart(self, image: str) -> str | None:
        """Label file of an image that lies elsewhere: of its name, in the folder most alike, before other splits'."""
        base = self.path if self.path.is_dir() else self.path.parent
        stem, folders = _folded(PurePosixPath(image).stem), set(PurePosixPath(image).parts[:-1])
        if self._below is None:
            self._below = {}
            for name in files(base, (".txt",)):
                self._below.setdefault(_folded(PurePosixPath(name).stem), []).append(name)
        found = self._below.get(stem)
        if not found:
            return None
        alike = [len(folders & set(PurePosixPath(x).parts)) + (split_of(x) in (self.split, None)) for x in found]
        return f"{base.absolute()}/{found[alike.index(max(alike))]}"


def beside(path: Path) -> bool:
    """Whether a folder, or one up to two levels inside it, holds label files: numbers, beside images or in labels/."""
    level = [path]
    for _ in range(3):
        inner = []
        for folder in level[:LOOKED]:
            folders, names = listed(folder, LOOKED)
            if _holds_labels(folder, names):
                return True
            inner += folders
        level = inner
    return False


def _holds_labels(folder: Path, names: list[str]) -> bool:
    """Whether some of these files of a folder are labels."""
    texts = [name for name in names if name[-4:].lower() == ".txt" and name[:-4].lower() not in LISTS]
    stems = {stem for stem, _, end in (name.rpartition(".") for name in names) if f".{end.lower()}" in SUFFIXES}
    inside = "labels" in (folder.name.lower(), folder.parent.name.lower())
    return any(_numbers(folder / name) for name in texts if inside or name[:-4] in stems)


def _numbers(path: Path) -> bool:
    """Whether a file's first line is one of labels: five numbers or more."""
    with path.open("rb") as file:
        first = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n")[0]
    return len(first.split()) >= 5 and all(NUMBER.fullmatch(field) for field in first.split())


def _places(folder: str) -> list[str]:
    """Folder of an image -> those in which its label file may be; the last folder named images is that of labels."""
    parts = folder.split("/")
    at = max((i for i, part in enumerate(parts) if part.lower() == "images"), default=None)
    if at is None:
        return [folder]
    names = dict.fromkeys(("labels", LIKE.get(parts[at], "labels")))  # of Images/ Labels/, as it is written
    return [*("/".join([*parts[:at], name, *parts[at + 1 :]]) for name in names), folder]


def _texts(folder: Path) -> dict[str, str]:
    """Folder -> names of its text files by their stem as two systems may write it."""
    try:
        with os.scandir(folder) as entries:
            return {_folded(x.name[:-4]): x.name for x in entries if x.name[-4:].lower() == ".txt"}
    except OSError as error:
        if error.errno in NOWHERE:
            return {}
        raise


def _folded(stem: str) -> str:
    return stem if stem.isascii() else unicodedata.normalize("NFC", stem)


def _text(path: str, longest: int) -> str:
    """Text of a label file, which may be empty."""
    with open(path, "rb", buffering=0) as file:
        data = file.read(4096)
    if len(data) < 4096 and data.isascii() and b"\0" not in data:  # nearly all of them
        return data.decode("ascii")
    return read_text(Path(path), "a label file", longest)
