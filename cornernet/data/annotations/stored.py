"""The file of arrays and a header in JSON that a set is kept in: written whole, and read only if it is whole."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cornernet.data.annotations.packed import DIGEST, KINDS, mapped, within
from cornernet.system import writing

MAGIC = b"cornernet set 1\n"  # another number where anything of what is kept is another
BLOCK = 2**20  # bytes that are read at once
ALIGNED = 64  # bytes, at a multiple of which each array begins


def write(path: Path, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write header and arrays by the names of KINDS, and a digest of all; raises OSError where the disk does not."""
    counts = {name: len(array) for name, array in arrays.items()}
    with writing.replacing(path) as temporary, temporary.open("wb") as stream:
        digest = hashlib.blake2b(digest_size=DIGEST)
        for part in _parts({**header, "rows": counts}, arrays):
            digest.update(part)
            stream.write(part)
        stream.write(digest.digest())


def _parts(header: dict, arrays: Mapping[str, np.ndarray]) -> Iterator[bytes | memoryview]:
    """What a file consists of but for the digest: mark, length of the header, header, arrays with zeros between."""
    text = json.dumps(header).encode()
    yield MAGIC + len(text).to_bytes(8, "little") + text
    at = len(MAGIC) + 8 + len(text)
    for name, (kind, _) in KINDS.items():
        array = np.ascontiguousarray(arrays[name], kind)
        yield b"\0" * (-at % ALIGNED)
        yield array.data.cast("B") if array.size else b""
        at += -at % ALIGNED + array.nbytes


def read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """File -> header and arrays that lie in it; raises ValueError for one that is not whole."""
    with path.open("rb") as stream:
        length, digest = os.fstat(stream.fileno()).st_size, hashlib.blake2b(digest_size=DIGEST)
        head = stream.read(len(MAGIC) + 8)
        size = int.from_bytes(head[len(MAGIC) :], "little")
        if head[: len(MAGIC)] != MAGIC or not len(head) + size + DIGEST <= length:
            raise ValueError("it does not begin as it must")
        text = stream.read(size)
        digest.update(head + text)
        left = length - DIGEST - len(head) - size
        while block := stream.read(min(BLOCK, left)):
            digest.update(block)
            left -= len(block)
        if stream.read(DIGEST) != digest.digest():
            raise ValueError("it is not as it was written")
    base = mapped(path, digest.digest())
    return json.loads(text), dict(_arrays(base, json.loads(text)["rows"], len(head) + size, length - DIGEST))


def _arrays(base: np.memmap, rows: dict[str, Any], at: int, end: int) -> Iterator[tuple[str, np.ndarray]]:
    for name, (kind, width) in KINDS.items():
        shape = (int(rows[name]), width) if width else (int(rows[name]),)
        at += -at % ALIGNED
        yield name, within(base, kind, shape, at)
        at += int(np.prod(shape)) * np.dtype(kind).itemsize
    if at != end or min(rows.values()) < 0:
        raise ValueError(f"its arrays end at byte {at}, expected {end}")
