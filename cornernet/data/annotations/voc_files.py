"""Which XML files and images a Pascal VOC folder holds, which belong together, and what its lists say."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cornernet.data.annotations.content import Asked
from cornernet.data.annotations.text import read_text
from cornernet.data.annotations.tree import SPLITS, files, listed, of_split, split_of, splits_of
from cornernet.data.images import SUFFIXES
from cornernet.data.problems import Problems

LISTED = 2**28  # bytes of a list
LOOKED, READ = 200_000, 20  # entries of a folder, and files in it, that are looked at to recognise it
LISTS = {  # split -> names of its lists, the best first
    "train": (*SPLITS["train"], "trainval", "default"),
    "val": (*SPLITS["val"], *SPLITS["test"]),
}
MARK = re.compile(r"\s+-?[01]$")  # behind a name, in the lists of a single class
SUFFIX = re.compile(rf"({'|'.join(map(re.escape, sorted(SUFFIXES)))}|\.xml)$", re.IGNORECASE)


class Files(NamedTuple):
    """The files of a folder, relative to it."""

    base: Path  # folder of the XML files
    xml: list[str]
    root: Path  # folder of the images
    images: dict[str, list[str]]  # stem -> images


def found(asked: Asked) -> Files:
    """What was asked -> Files, images and all."""
    base = base_of(asked.path)
    root = asked.images or base
    images: dict[str, list[str]] = {}
    for name in files(root, SUFFIXES):
        if not name.startswith("Segmentation"):  # masks, of the same names
            images.setdefault(_folded(PurePosixPath(name).stem), []).append(name)
    return Files(base, files(base, (".xml",)), root, images)


def base_of(path: Path) -> Path:
    """Folder of a set, its folder Annotations or one of its lists -> the folder of the set."""
    if is_list(path):
        return path.parent.parent.parent
    return path.parent if path.name.lower() == "annotations" else path


def is_list(path: Path) -> bool:
    """Whether a path is a list in ImageSets/Main."""
    return path.suffix.lower() == ".txt" and [x.lower() for x in path.parts[-3:-1]] == ["imagesets", "main"]


def parts(path: Path) -> set[str]:
    """Which of "train" and "val" a path tells apart."""
    if is_list(path):
        return set()
    base = base_of(path)
    if lists := _lists(base):
        return {split for split in ("train", "val") if any(name in lists for name in SPLITS[split])}
    return splits_of(files(base, (".xml",)))


def chosen(held: Files, asked: Asked, problems: Problems) -> list[str]:
    """Files and what was asked -> the XML files of the split, as its list or the folders say.

    Raises ValueError where there are lists, but none of the split.
    """
    lists = [asked.path] if is_list(asked.path) else _lists_of(held.base, asked)
    if not lists:
        return of_split(held.xml, asked.split)
    by_name = {key: name for name in reversed(held.xml) for key in _endings(name)}
    own = []
    lines = [(file, *x) for file in lists for x in enumerate(read_text(file, "a list", LISTED).splitlines(), 1)]
    for file, at, line in lines:
        name = line.strip().replace("\\", "/")
        keys = [SUFFIX.sub("", key) for key in (name, MARK.sub("", name))]
        xml = next((by_name[key] for key in map(_folded, keys) if key in by_name), None)
        if xml:
            own.append(xml)
        elif name:
            text = f"{file}, line {at}: there is no {keys[-1]}.xml in {held.base}"
            problems.skip("missing annotation file", text)
    return own if len(lists) == 1 else list(dict.fromkeys(own))


def image_of(held: Files, xml: str, named: str) -> str:
    """XML file and the name that it gives -> its image: of the same stem, in the folder that is most alike.

    Else the one that the name says; if that is not there, the name, so that it can be told.
    """
    name = named.replace("\\", "/").rpartition("/")[2]
    stem = PurePosixPath(xml).stem
    alike = held.images.get(_folded(stem)) or held.images.get(_folded(PurePosixPath(name).stem))
    if not alike:
        return name or f"{stem}.jpg"
    folders = set(PurePosixPath(xml).parent.parts)
    return max(alike, key=lambda x: (len(folders & set(PurePosixPath(x).parent.parts)), PurePosixPath(x).name == name))


def tell_unused(held: Files, taken: Iterable[str], asked: Asked, problems: Problems) -> None:
    """Note images without a file of annotations, unless they are of another split or lists choose among them."""
    if _lists(held.base) or is_list(asked.path):
        return
    known, single = set(taken), not splits_of(held.xml)
    for name in sorted(name for names in held.images.values() for name in names if name not in known):
        if single or split_of(name) == asked.split:
            problems.drop("image without an annotation file", f"{held.root / name} has no XML file")


def has_annotations(path: Path) -> bool:
    """Whether a folder, or one up to two levels inside it, holds an XML file of annotations of one image."""
    level = [path]
    for _ in range(3):
        inner = []
        for folder in level[:LOOKED]:
            folders, names = listed(folder, LOOKED)
            own = [name for name in names if name.lower().endswith(".xml")]
            if any(is_annotation(folder / name) for name in own[:READ]):
                return True
            inner += folders
        level = inner
    return False


def is_annotation(path: Path) -> bool:
    """Whether a file begins as the annotations of one image do."""
    with path.open("rb") as file:
        head = file.read(4096).replace(b"\0", b"")
    return re.search(rb"<annotation[\s>]", head) is not None


def _lists_of(base: Path, asked: Asked) -> list[Path]:
    """Lists of a split, [] where a folder has none at all; raises ValueError where it has them for others alone."""
    lists = _lists(base)
    names = [name for name in LISTS[asked.split] if name in lists]
    if lists and not names and len(lists) > 1:
        raise ValueError(f"{base / 'ImageSets/Main'} has no list for {asked.split}, only {', '.join(sorted(lists))}")
    return lists[names[0]] if names else next(iter(lists.values()), [])


def _lists(base: Path) -> dict[str, list[Path]]:
    """Names of the lists of a folder -> their files: one about no class, or else those of the single classes."""
    folder = base / "ImageSets" / "Main"
    known = {*LISTS["train"], *LISTS["val"]}
    texts = sorted((folder if folder.is_dir() else folder.parent).glob("*.[tT][xX][tT]"))
    found = {x.stem.lower(): [x] for x in texts if x.stem.lower() in known}
    if not found:
        for text in texts:  # cat_train.txt, dog_train.txt
            if (name := text.stem.lower().rpartition("_")[2]) in known:
                found.setdefault(name, []).append(text)
    return found


def _endings(name: str) -> list[str]:
    """`Annotations/a/b.xml` -> `Annotations/a/b`, `a/b`, `b`."""
    parts = PurePosixPath(_folded(name[:-4])).parts
    return ["/".join(parts[at:]) for at in range(len(parts))]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text)
