"""What lies in a folder and the folders inside it, listed once, and which of its parts is which split."""

import os
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

DEEPEST = 12  # folders inside each other
SPLITS = {  # names that people give to the folders and lists of a split
    "train": ("train", "training", "trn", "train2017", "train2014"),
    "val": ("val", "valid", "validation", "vali", "val2017", "val2014"),
    "test": ("test", "testing", "test2017"),
}
PARTS = ("annotations", "images", "labels", "jpegimages", "imagesets")  # folders that make no set alone
SPLIT_OF = {name: split for split, names in SPLITS.items() for name in names}


def files(root: Path, suffixes: Collection[str]) -> list[str]:
    """Folder -> names of the files with these suffixes (small letters) below it, relative, with /, sorted.

    Links are followed, but into no folder twice; what is hidden is left out. Raises OSError for a folder that cannot
    be listed.
    """
    return sorted(_walk(root, "", tuple(suffixes), {os.path.realpath(root)}, 0))


def _walk(root: Path, inside: str, suffixes: tuple[str, ...], seen: set[str], depth: int) -> Iterator[str]:
    with os.scandir(root / inside) as entries:
        found = [x for x in entries if not x.name.startswith((".", "__MACOSX"))]
    for entry in sorted(found, key=lambda x: (x.is_symlink(), x.name)):  # what lies here before what links lead to
        if not _is_folder(entry):
            if entry.name.lower().endswith(suffixes):
                yield inside + entry.name
        elif depth < DEEPEST and (real := os.path.realpath(entry.path)) not in seen:
            seen.add(real)
            yield from _walk(root, f"{inside}{entry.name}/", suffixes, seen, depth + 1)


def _is_folder(entry: os.DirEntry) -> bool:
    """Whether an entry is a folder or leads to one; a link in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def listed(folder: Path, most: int) -> tuple[list[Path], list[str]]:
    """Folder -> (folders in it, names of files in it), of its first `most` entries, sorted, hidden ones left out."""
    with os.scandir(folder) as entries:
        found = [(x.name, _is_folder(x)) for x in islice(entries, most) if not x.name.startswith((".", "__MACOSX"))]
    return [folder / name for name, is_folder in sorted(found) if is_folder], sorted(x for x, y in found if not y)


def split_of(name: str) -> str | None:
    """Relative name of a file -> "train", "val" or "test" after the outermost folder that is named so, or None."""
    return next((SPLIT_OF[part] for part in PurePosixPath(name.lower()).parts[:-1] if part in SPLIT_OF), None)


def splits_of(names: list[str]) -> set[str]:
    """Names of the files of a set -> the splits that its folders make."""
    found = {split for split in map(split_of, names) if split}
    return found & {"train", "val"}


def of_split(names: list[str], split: str) -> list[str]:
    """Names of the files of a set -> those of the split; all where its folders make no such split."""
    own = [name for name in names if split_of(name) == split]
    return own or names


def unpacked(path: Path) -> Path:
    """Path -> the folder inside it that is the set, where archives were unpacked into a folder of their own."""
    for _ in range(DEEPEST):
        if not path.is_dir() or path.name.lower() in PARTS:
            break
        folders, names = listed(path, 100)
        notes = all(name.lower().startswith(("readme", "licen", "notice")) for name in names)
        if len(folders) != 1 or not notes or folders[0].name.lower() in (*SPLIT_OF, *PARTS):
            break
        path = folders[0]
    return path
