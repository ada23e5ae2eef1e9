"""Which images a YOLO set consists of: those of the folders and lists that it names, or of its own folders."""

import os
from pathlib import Path, PurePosixPath

from cornernet.data.annotations.content import Asked
from cornernet.data.annotations.locating import file_named
from cornernet.data.annotations.names import Folder, bad_name, clean
from cornernet.data.annotations.text import read_text
from cornernet.data.annotations.tree import files, of_split
from cornernet.data.annotations.yolo_settings import Listing, resolved
from cornernet.data.images import SUFFIXES

LISTED = 2**30  # bytes of a list of images


def images(held: Listing, asked: Asked) -> tuple[Path, list[str], bool]:
    """Listing and what is asked -> (root, names of the images relative to it, whether they are all of their folders).

    Raises ValueError or FileNotFoundError naming what is not there.
    """
    texts = held.parts.get(asked.split) or next(iter(held.parts.values()), [])
    if asked.images:
        return _apart(held, asked.images, [text for text in texts if text.lower().endswith(".txt")])
    if not texts:
        return *_in_folders(held, asked), True
    places = [resolved(held, text) for text in texts]
    lists = [place for place in places if place.suffix.lower() == ".txt"]
    if not lists:
        return *_below(places), True
    if len(lists) < len(places):
        raise ValueError(f"{held.file}: {asked.split} mixes lists and folders, expected one kind, got {texts}")
    root = held.bases[0]
    return root, [name for place in lists for name in _listed(place, root, held.bases)], False


def _apart(held: Listing, folder: Path, lists: list[str]) -> tuple[Path, list[str], bool]:
    """Images of a folder that lies apart from the labels: those of the lists, whose names may say other folders."""
    if not lists:
        return *_below([folder]), True
    known = Folder(folder)
    lines = [x.strip() for text in lists for x in read_text(resolved(held, text), "a list", LISTED).splitlines()]
    return folder, [file_named(known, line) or clean(line) for line in lines if line], False


def _in_folders(held: Listing, asked: Asked) -> tuple[Path, list[str]]:
    """Images of a folder that nothing describes; where it holds labels alone, those of its folder named images."""
    base = held.bases[0]
    names = files(base, SUFFIXES)
    if not names and "labels" in base.parts:
        at = len(base.parts) - 1 - base.parts[::-1].index("labels")
        base = Path(*base.parts[:at], "images", *base.parts[at + 1 :])
        return _below([base])
    if not names:
        raise ValueError(
            f"{asked.path} holds no images ({', '.join(sorted(SUFFIXES))}): give data.{asked.split}.images"
        )
    root = _above_images(base)
    return root, [(base.relative_to(root) / name).as_posix() for name in of_split(names, asked.split)]


def _below(places: list[Path]) -> tuple[Path, list[str]]:
    """Folders and images -> (the folder above them all, names of the images below them)."""
    places = [Path(os.path.abspath(place)) for place in places]
    folders = [place if place.is_dir() else place.parent for place in places]
    root = _above_images(Path(os.path.commonpath(folders)))
    found = [x for place in places for x in (_inside(place) if place.is_dir() else [place])]
    if not found:
        raise ValueError(f"{places[0]} holds no images ({', '.join(sorted(SUFFIXES))})")
    return root, [x.relative_to(root).as_posix() for x in found]


def _inside(folder: Path) -> list[Path]:
    return [folder / name for name in files(folder, SUFFIXES)]


def _above_images(folder: Path) -> Path:
    """Folder -> the one above the last folder named images in its path, since labels lie beside that."""
    at = max((i for i, part in enumerate(folder.parts) if part.lower() == "images"), default=None)
    return folder if not at else Path(*folder.parts[:at])


def _listed(file: Path, root: Path, bases: list[Path]) -> list[str]:
    """List of images -> their names relative to the root; what is not there keeps its name, to be told."""
    folders: dict[str, str | None] = {}
    known = Folder(root)
    found = []
    for line in read_text(file, "a list of images", LISTED).splitlines():
        if not line.strip():
            continue
        name = clean(line.strip())
        folder, _, last = name.rpartition("/")
        if folders.get(folder) is None:
            folders[folder] = _place(folder, last, root, [file.parent, *bases], known)
        place = folders[folder]
        found.append(name if place is None else f"{place}/{last}".lstrip("/"))
    return found


def _place(folder: str, last: str, root: Path, bases: list[Path], known: Folder) -> str | None:
    """Folder as a list gives it -> the folder below the root where this file is: as written, or the end of it."""
    parts = PurePosixPath(folder).parts
    written = [os.path.relpath(os.path.normpath(base / folder), root) for base in bases]
    tails = ["/".join(parts[at:]) for at in range(len(parts) + 1)]
    for text in (*written, *tails):
        place = "" if text == "." else text.replace(os.sep, "/")
        if not bad_name(f"{place}/{last}".lstrip("/") if place else last) and known.has(f"{place}/{last}".lstrip("/")):
            return place
    return None
