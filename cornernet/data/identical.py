"""Images that are the same by their content, whatever their names: within a split, and in training and validation."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from cornernet.data.images import Fault, load
from cornernet.data.problems import Finding, short
from cornernet.data.source import Source

PIECE = 4096  # bytes from the middle and the end of a file, by which most files of one length are told apart
BLOCK = 2**20  # bytes that are read at once
NAMED = 4  # pairs that are named


class File(NamedTuple):
    """An image of a split; the same file under two names is one."""

    split: str
    name: str
    path: Path
    length: int  # bytes


def images(sources: Mapping[str, Source], decode: bool = False) -> list[tuple[str, Finding]]:
    """Sources by split -> what images of different files are alike, as (split or "both", finding).

    Compared are the bytes of files of the same length, or with `decode` the pixels of all. Files that cannot be read
    are passed over: the check of the images names them.
    """
    found = list(_files(sources))
    groups = _grouped(found, _pixels) if decode else _grouped(*_narrowed(found))
    place = {file: at for at, file in enumerate(found)}
    groups = sorted((sorted(group, key=place.__getitem__) for group in groups), key=lambda group: place[group[0]])
    rows = []
    for split in sources:
        own = [mine for group in groups if len(mine := [x for x in group if x.split == split]) > 1]
        rows += [(split, x) for x in _finding("identical images", own, "used, each as an image of its own")]
    across = [group for group in groups if len({x.split for x in group}) > 1]
    ends = [[group[0], next(x for x in group if x.split != group[0].split)] for group in across]
    flatter = "used: validation will flatter"
    return rows + [("both", x) for x in _finding("identical images in train and val", ends, flatter)]


def _files(sources: Mapping[str, Source]) -> Iterable[File]:
    seen: set[str] = set()
    for split, source in sources.items():
        for name in (source.record(i).file_name for i in range(len(source))) if source.root else ():
            path = (source.root or Path()) / name
            try:
                held = path.stat()
            except OSError:
                continue
            if (place := os.path.realpath(path)) not in seen:
                seen.add(place)
                yield File(split, name, path, held.st_size)


def _narrowed(found: list[File]) -> tuple[list[File], Callable[[File], Hashable]]:
    """Files -> those that have the length and some bytes of another, and how to compare these."""
    by_length = _sets(found, [file.length for file in found])
    some = [file for group in by_length for file in group]
    return [file for group in _grouped(some, _pieces) for file in group], _bytes


def _grouped(found: list[File], key: Callable[[File], Hashable]) -> list[list[File]]:
    """Files -> groups of two or more with the same key."""
    with ThreadPoolExecutor(4) as pool:
        return _sets(found, list(pool.map(lambda file: _quietly(key, file), found)))


def _sets(found: list[File], keys: list) -> list[list[File]]:
    groups = defaultdict(list)
    for file, key in zip(found, keys, strict=True):
        if key is not None:
            groups[key].append(file)
    return [group for group in groups.values() if len(group) > 1]


def _quietly(key: Callable[[File], Hashable], file: File) -> Hashable:
    try:
        return key(file)
    except OSError:
        return None


def _pieces(file: File) -> Hashable:
    with file.path.open("rb") as stream:
        stream.seek(file.length // 2)
        middle = stream.read(PIECE)
        stream.seek(max(0, file.length - PIECE))
        return file.length, middle, stream.read(PIECE)


def _bytes(file: File) -> Hashable:
    with file.path.open("rb") as stream:
        digest = hashlib.blake2b(digest_size=16)
        while part := stream.read(BLOCK):
            digest.update(part)
    return digest.digest() if file.length else None


def _pixels(file: File) -> Hashable:
    image = load(file.path)
    return None if isinstance(image, Fault) else (image.shape, hashlib.blake2b(image.data, digest_size=16).digest())


def _finding(kind: str, groups: list[list[File]], outcome: str) -> list[Finding]:
    """Groups of files -> one finding that counts those beyond the first of each and names the first few."""
    pairs = [f"{group[0].path} and {group[1].path}" for group in groups[:NAMED]]
    count = sum(len(group) - 1 for group in groups)
    more = "; ..." if len(groups) > NAMED else ""
    return [Finding(kind, count, short("; ".join(pairs) + more), outcome)] if groups else []
