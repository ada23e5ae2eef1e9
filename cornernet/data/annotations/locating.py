"""Where the files of a set lie, if nobody says so: its images, and of several annotation files that of the split."""

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from cornernet.data.annotations.content import Asked
from cornernet.data.annotations.names import Folder, bad_name, clean
from cornernet.data.annotations.tree import SPLIT_OF, listed, split_of

SAMPLE = 50  # names that are looked for in each folder
LISTED = 10_000  # entries of a folder
INNER = ("annotations", "images", "ImageSets/Main")  # of a set, in which a split may be
Has = Callable[[Folder, str], Any]  # whether there is a file of a name


def image_folder(names: list[Any], asked: Asked, has: Has = Folder.has) -> Path:
    """File names as annotations give them and what was asked -> the folder in which most of a sample of them are.

    Looked through are the file's own folder, the folders that are near and the one above, each with its images/ and
    what is in that named after the file or the split; the file's own where nothing is found.
    """
    names = [name for name in names if isinstance(name, str)]
    names = [clean(name) for name in names[:: 1 + len(names) // SAMPLE] if name.strip(" ./\\") and "\0" not in name]
    counts = {folder: _count(Folder(folder), names, has) for folder in _candidates(asked)}
    return max(counts, key=lambda folder: counts[folder])


def _count(folder: Folder, names: list[str], has: Has) -> int:
    return sum(bool(has(folder, name)) for name in names)


def _candidates(asked: Asked) -> list[Path]:
    """Folders to look in; the first of those that serve alike is taken."""
    own, stem = asked.path.parent, asked.path.stem.removeprefix("instances_")
    names = (stem, asked.split, "default")
    inside = [Path(), Path("images"), *(Path("images") / name for name in names), *map(Path, names)]
    return list(dict.fromkeys(base / part for base in (own, *asked.near, own.parent) for part in inside))


def file_named(folder: Folder, name: str) -> str | None:
    """Name as someone's program wrote it -> the file of the folder that it is, or None.

    Absolute names and folders that are not there are passed over, as is an ending that is missing.
    """
    parts = PurePosixPath(clean(name)).parts
    tails = ["/".join(parts[at:]) for at in range(len(parts))]
    return next((tail for tail in tails if not bad_name(tail) and folder.has(tail)), None) or folder.of_stem(
        "".join(parts[-1:])
    )


def test_part(path: Path) -> Path | None:
    """Path of a set -> the folder, list or file in it that is named after a test set, or None."""
    base = path if path.is_dir() else path.parent
    for place in (base, *(base / inner for inner in INNER)):
        folders, names = listed(place, LISTED) if place.is_dir() else ([], [])
        files = [place / name for name in names if name.lower().endswith((".json", ".txt", ".csv"))]
        for found in (*folders, *files):
            if any(SPLIT_OF.get(word) == "test" for word in re.split(r"[^a-z]+", found.stem.lower())):
                return found
    return None


def split_named(file: Path, base: Path) -> str | None:
    """Split that a file below a folder is named after, "train" of instances_train2017.json, or else its own folder."""
    inside = file.relative_to(base)
    words = (word for word in re.split(r"[^a-z]+", file.stem.lower()) if word in SPLIT_OF)
    return next((SPLIT_OF[word] for word in words), None) or split_of(inside.as_posix())


def splits_named(files: list[Path], base: Path) -> set[str]:
    """Which of "train" and "val" files below a folder are named after."""
    return {split for split in (split_named(file, base) for file in files) if split} & {"train", "val"}


def file_of(asked: Asked, found: list[Path]) -> Path:
    """Annotation files of a folder -> that of the split; raises ValueError where several may be it."""
    by_split = {x: split_named(x, asked.path) for x in found}
    own = next((own for split in (asked.split, None) if (own := [x for x in found if by_split[x] == split])), found)
    if len(own) > 1:
        names = ", ".join(str(x.relative_to(asked.path)) for x in own)
        raise ValueError(f"{asked.path} holds several files for {asked.split}: {names}; name one of them")
    return own[0]
