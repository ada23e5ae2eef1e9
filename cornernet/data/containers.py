"""What WebP, TIFF, JPEG 2000 and PNM files claim of their sizes and values, read without decoding."""

import re
import struct
from itertools import chain
from typing import BinaryIO, NamedTuple

WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT = 256, 257, 322, 323  # tags of TIFF
BITS, ORIENTATION, EXTRA, KIND = 258, 274, 338, 339  # bits of a value, which way up, further channels, kind of number
PLACES = (273, 279), (324, 325)  # where strips or tiles begin, and their bytes
CODESTREAM = b"\xff\x4f\xff\x51"  # how the one of JPEG 2000 begins: SOC, SIZ
BOXES = b"\0\0\0\x0cjP  "  # how a .jp2 begins
PNM = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s(?:(?:\s|#[^\n]*\n)*(\d{1,5})\s)?")
NUMBERS = {3: "H", 4: "I", 16: "Q"}  # types of TIFF that hold a size
FLOAT = 3  # kind of a number with a point
LISTED, FEW = 2**16, 4  # strips and tiles of a TIFF that are looked at; values of anything else


class Claim(NamedTuple):
    """Pixels that a decoder would make room for."""

    width: int
    height: int
    block: int = 0  # pixels of a tile, which is decoded as one however small the image is
    bits: int = 8  # of a value
    trait: str = ""  # what has to be converted, see `headers.Header`
    way: int = 1  # EXIF orientation, of a TIFF alone
    end: int = 0  # bytes that the file must have for its pixels to be whole


def claim(stream: BinaryIO) -> Claim | None:
    """Open file -> what it claims; None for other kinds and broken files."""
    stream.seek(0)
    head = stream.read(4096)
    return webp(head) or tiff(stream) or pnm(head) or jpeg2000(head)


def webp(head: bytes) -> Claim | None:
    """First bytes of a file -> the size of its canvas; None if it is no WebP, or a broken one."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    end = 8 + int.from_bytes(head[4:8], "little")
    if head[12:16] == b"VP8X":
        sides = [1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27)]
        return Claim(sides[0], sides[1], trait="alpha" if head[20] & 0x10 else "", end=end)
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return Claim(1 + bits % 2**14, 1 + (bits >> 14) % 2**14, trait="alpha" if bits >> 28 & 1 else "", end=end)
    sides = [side % 2**14 for side in struct.unpack("<HH", head[26:30])]
    return Claim(sides[0], sides[1], end=end) if head[12:16] == b"VP8 " else None


def pnm(head: bytes) -> Claim | None:
    """First bytes of a file -> the size of a PBM, PGM or PPM, None for other kinds."""
    found = PNM.match(head)
    if not found:
        return None
    width, height, kind = int(found[1]), int(found[2]), int(head[1:2])
    deep = kind not in (1, 4) and int(found[3] or 0) > 255
    row = {4: (width + 7) // 8, 5: width * (1 + deep), 6: 3 * width * (1 + deep)}.get(kind, 0)
    start = found.start(3) if kind == 4 and found[3] else found.end()
    return Claim(width, height, bits=16 if deep else 8, trait="16-bit" if deep else "", end=start + row * height)


def jpeg2000(head: bytes) -> Claim | None:
    """First bytes of a file -> the size of its first codestream, None for other kinds."""
    at = head.find(CODESTREAM) + 8
    if not head.startswith((CODESTREAM, BOXES)) or at < 8 or len(head) < at + 16:
        return None
    right, bottom, left, top = struct.unpack(">IIII", head[at : at + 16])
    deep = len(head) > at + 34 and head[at + 34] % 128 > 7  # bits of the first channel, less one
    sides = max(0, right - left), max(0, bottom - top)
    return Claim(*sides, bits=16 if deep else 8, trait="16-bit" if deep else "")


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
    found = _tags(stream, order, large)
    width, height, wide, high = (max(found.get(tag, (0,))) for tag in (WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT))
    if not width * height:
        return None
    bits, way = max(found.get(BITS, (1,))), found.get(ORIENTATION, (1,))[0]
    trait = "float" if FLOAT in found.get(KIND, ()) else f"{max(bits, 16)}-bit" if bits > 8 else ""
    ends = [
        a + b for places, sizes in PLACES for a, b in zip(found.get(places, ()), found.get(sizes, ()), strict=False)
    ]
    return Claim(
        width, height, wide * high, bits, trait or ("alpha" if EXTRA in found else ""), way, max(ends, default=0)
    )


def _tags(stream: BinaryIO, order: str, large: bool) -> dict[int, tuple[int, ...]]:
    """Tag: values that are whole numbers, in the directory at which the file stands; of one given twice all."""
    count, entry, width = ("Q", 20, "Q") if large else ("H", 12, "I")
    start = stream.read(struct.calcsize(count))
    entries = min(struct.unpack(order + count, start)[0], 2**16) if len(start) == struct.calcsize(count) else 0
    data = stream.read(entries * entry)
    found: dict[int, tuple[int, ...]] = {}
    for at in range(0, len(data) - entry + 1, entry):
        tag, kind, many = struct.unpack_from(order + "HH" + width, data, at)
        if kind in NUMBERS:
            inside = data[at + (12 if large else 8) : at + entry]
            many = min(many, LISTED if tag in chain(*PLACES) and tag not in found else FEW)
            if values := _values(stream, order, NUMBERS[kind], max(1, many), inside, width):
                found[tag] = found.get(tag, ()) + values
    return found


def _values(stream: BinaryIO, order: str, kind: str, many: int, inside: bytes, width: str) -> tuple[int, ...]:
    """The values of an entry, which lie in it or where it says; none where the file ends before them."""
    size = struct.calcsize(kind)
    if many * size > len(inside):
        stream.seek(min(struct.unpack(order + width, inside)[0], 2**62))
        inside = stream.read(many * size)
    many = min(many, len(inside) // size)
    return struct.unpack(f"{order}{many}{kind}", inside[: many * size])
