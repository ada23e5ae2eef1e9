"""The arrays of a set by name, and those of them that lie in a file that is mapped into memory."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cornernet.data.records import Records
from cornernet.data.source import Objects
from cornernet.data.texts import Masks, Texts

KINDS = {  # name: type and length of a row, 0 where a row is a number
    "ids": ("<i8", 0), "id_start": ("<i8", 0), "id_data": ("|u1", 0), "name_start": ("<i8", 0), "name_data": ("|u1", 0),
    "sizes": ("<i8", 2), "start": ("<i8", 0), "bbox": ("<f8", 4), "boxes": ("<f4", 4), "labels": ("<i8", 0),
    "iscrowd": ("|b1", 0), "area": ("<f8", 0), "mask_rows": ("<i8", 0), "mask_start": ("<i8", 0),
    "mask_data": ("|u1", 0),
}  # fmt: skip
NONE = Texts.of(())
DIGEST = 32  # bytes at the end of a file: the digest of all before them


class Place(NamedTuple):
    """Where an array lies in a file."""

    path: str
    digest: bytes  # of the file
    offset: int  # bytes
    kind: str
    shape: tuple[int, ...]


def pack(records: Records, objects: Objects) -> dict[str, np.ndarray]:
    """Images and objects -> their arrays by the names of KINDS."""
    numbers, texts = (np.zeros(0, np.int64), records.ids) if isinstance(records.ids, Texts) else (records.ids, NONE)
    masks = objects.segmentation
    columns = objects._asdict() | {"segmentation": None}
    held = {"ids": numbers, "id_start": texts.start, "id_data": texts.data, "name_start": records.names.start}
    held |= {"name_data": records.names.data, "sizes": records.sizes, "mask_rows": masks.rows}
    held |= {"mask_start": masks.texts.start, "mask_data": masks.texts.data} | columns
    return {name: held[name] for name in KINDS}


def unpack(held: Mapping[str, np.ndarray]) -> tuple[Records, Objects]:
    """Arrays by name -> images and objects."""
    ids = Texts(held["id_start"], held["id_data"]) if len(held["id_start"]) > 1 else held["ids"]
    records = Records(ids, Texts(held["name_start"], held["name_data"]), held["sizes"])
    masks = Masks(held["mask_rows"], Texts(held["mask_start"], held["mask_data"]))
    columns = {name: held[name] for name in Objects._fields if name != "segmentation"}
    return records, Objects(**columns, segmentation=masks)


def mapped(path: Path, digest: bytes) -> np.memmap:
    """Bytes of a file of this digest, which processes share; raises ValueError for one that was put in its place."""
    found = np.memmap(path, np.uint8, "r")
    if _digest(found) != digest:
        raise ValueError(f"{path} has been written anew since it was opened")
    return found


def within(base: np.memmap, kind: str, shape: tuple[int, ...], offset: int) -> np.ndarray:
    """Array that lies in a mapped file."""
    return np.ndarray(shape, kind, base, offset)


def away(array: np.ndarray) -> np.ndarray | Place:
    """Array -> where it lies, for a process that can look there; itself where it lies in no file that is still there.

    Another start may have removed the file or written it anew: what is mapped stays, its name leads elsewhere.
    """
    base = array.base
    if not isinstance(base, np.memmap) or not array.flags.c_contiguous or not _is_there(base):
        return array
    offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return Place(str(base.filename), _digest(base), offset, array.dtype.str, array.shape)


def back(held: Mapping[str, np.ndarray | Place]) -> dict[str, np.ndarray]:
    """What `away` gave, by name -> arrays."""
    bases = {file: mapped(Path(file[0]), file[1]) for file in {x[:2] for x in held.values() if isinstance(x, Place)}}
    return {
        name: within(bases[x[:2]], x.kind, x.shape, x.offset) if isinstance(x, Place) else x for name, x in held.items()
    }


def _digest(base: np.memmap) -> bytes:
    return base[-DIGEST:].tobytes()


def _is_there(base: np.memmap) -> bool:
    """Whether the file that is mapped is still that of its name."""
    try:
        with open(str(base.filename), "rb") as stream:
            stream.seek(-DIGEST, os.SEEK_END)
            return stream.read() == _digest(base)
    except OSError:
        return False
