"""Which way up an image is stored, as an EXIF note in its file says it: 1 upright, 2 to 8 turned or mirrored."""

import struct
from typing import BinaryIO

ORIENTATION = 0x0112
START = b"Exif\0\0"  # of a note in a JPEG; other files leave it out
CHUNKS = 100  # of a file that are looked through
WAYS = {
    2: "mirrored", 3: "turned by half", 4: "upside down", 5: "mirrored on its side", 6: "on its side",
    7: "mirrored on its side", 8: "on its side",
}  # fmt: skip


def orientation(note: bytes) -> int:
    """EXIF note -> which way up the image is stored, 0 if it does not say."""
    note = note.removeprefix(START)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(note[:4])
    if order is None or len(note) < 8:
        return 0
    first = struct.unpack(order + "I", note[4:8])[0]
    if len(note) < first + 2:
        return 0
    for at in range(first + 2, first + 2 + 12 * struct.unpack(order + "H", note[first : first + 2])[0], 12):
        entry = note[at : at + 12]
        if len(entry) == 12 and struct.unpack(order + "H", entry[:2])[0] == ORIENTATION:
            way = struct.unpack(order + "H", entry[8:10])[0]
            return way if way <= max(WAYS) else 0
    return 0


def of_png(stream: BinaryIO) -> int:
    """Open PNG -> the same, from a note before its pixels."""
    return _of_chunks(stream, 8, ">4x4s", b"eXIf", b"IDAT", 4, 1)


def of_webp(stream: BinaryIO) -> int:
    """Open WebP -> the same."""
    return _of_chunks(stream, 12, "<4s4x", b"EXIF", b"", 0, 2)


def _of_chunks(stream: BinaryIO, at: int, name: str, wanted: bytes, last: bytes, checksum: int, even: int) -> int:
    """The same from the chunk `wanted`; at: of the first; name: where one is in the 8 bytes that begin a chunk."""
    for _ in range(CHUNKS):
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8 or (kind := struct.unpack(name, head)[0]) == last:
            return 0
        length = int.from_bytes(head[:4], "big") if checksum else int.from_bytes(head[4:], "little")
        if kind == wanted:
            return orientation(stream.read(min(length, 2**16)))
        at += 8 + length + length % even + checksum
    return 0
