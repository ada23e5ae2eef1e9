"""The sizes that WebP, TIFF, JPEG 2000 and PNM files claim, read without decoding."""

import re
import struct
from typing import BinaryIO, NamedTuple

WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT = 256, 257, 322, 323  # tags of TIFF
CODESTREAM = b"\xff\x4f\xff\x51"  # how the one of JPEG 2000 begins: SOC, SIZ
BOXES = b"\0\0\0\x0cjP  "  # how a .jp2 begins
PNM = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s")
NUMBERS = {3: "H", 4: "I", 16: "Q"}  # types of TIFF that hold a size


class Claim(NamedTuple):
    """Pixels that a decoder would make room for."""

    width: int
    height: int
    block: int = 0  # pixels of a tile, which is decoded as one however small the image is


def claim(stream: BinaryIO) -> Claim | None:
    """Open file -> what it claims; None for other kinds and broken files."""
    stream.seek(0)
    head = stream.read(4096)
    return webp(head) or tiff(stream) or pnm(head) or jpeg2000(head)


def webp(head: bytes) -> Claim | None:
    """First bytes of a file -> the size of its canvas; None if it is no WebP, or a broken one."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    if head[12:16] == b"VP8X":
        return Claim(*(1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27)))
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return Claim(1 + bits % 2**14, 1 + (bits >> 14) % 2**14)
    return Claim(*(side % 2**14 for side in struct.unpack("<HH", head[26:30]))) if head[12:16] == b"VP8 " else None


def pnm(head: bytes) -> Claim | None:
    """First bytes of a file -> the size of a PBM, PGM or PPM, None for other kinds."""
    found = PNM.match(head)
    return Claim(int(found[1]), int(found[2])) if found else None


def jpeg2000(head: bytes) -> Claim | None:
    """First bytes of a file -> the size of its first codestream, None for other kinds."""
    at = head.find(CODESTREAM) + 8
    if not head.startswith((CODESTREAM, BOXES)) or at < 8 or len(head) < at + 16:
        return None
    right, bottom, left, top = struct.unpack(">IIII", head[at : at + 16])
    return Claim(max(0, right - left), max(0, bottom - top))


def tiff(stream: BinaryIO) -> Claim | None:
    """Open file -> the size of its first image, which is the one that is decoded; None if it is no TIFF, or broken.

    Of a tag that is given twice the largest value counts: decoders differ in the one they believe.
    """
    stream.seek(0)
    head = stream.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        return None
    large = struct.unpack(order + "H", head[2:4])[0] == 43  # BigTIFF
    stream.seek(struct.unpack(order + "Q", head[8:])[0] if large else struct.unpack(order + "I", head[4:8])[0])
    most = dict.fromkeys((WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT), 0)
    for tag, value in _tags(stream, order, large):
        most[tag] = max(most.get(tag, 0), value)
    sides = most[WIDTH], most[HEIGHT]
    return Claim(*sides, most[TILE_WIDTH] * most[TILE_HEIGHT]) if all(sides) else None


def _tags(stream: BinaryIO, order: str, large: bool) -> list[tuple[int, int]]:
    """(tag, value) of the sizes in the directory at which the file stands."""
    count, entry = ("Q", 20) if large else ("H", 12)
    start = stream.read(struct.calcsize(count))
    entries = min(struct.unpack(order + count, start)[0], 2**16) if len(start) == struct.calcsize(count) else 0
    data, found = stream.read(entries * entry), []
    for at in range(0, len(data) - entry + 1, entry):
        tag, kind = struct.unpack(order + "HH", data[at : at + 4])
        if kind in NUMBERS:
            found.append((tag, struct.unpack_from(order + NUMBERS[kind], data, at + (12 if large else 8))[0]))
    return found
