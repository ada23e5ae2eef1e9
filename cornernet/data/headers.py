"""What the bytes of a picture tell before it is decoded: its kind, its size, which way up it is, whether it is whole.

OpenCV fills what is missing of a JPEG with grey and only warns on stderr, and it allocates whatever size a file
claims. Both are found out here, in a few reads of the file's ends.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
TAIL = 4096  # bytes in which the end of a JPEG is looked for first; some cameras append more
EXIF, ORIENTATION = 0xE1, 0x0112
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # JPEG markers that open a frame and tell its size
FOREIGN = {  # how files begin that are neither a picture nor JSON
    b"\x1f\x8b": "is compressed with gzip; unpack it first",
    b"PK\x03\x04": "is a zip archive; unpack it first",
    b"version https://git-lfs": "is a pointer of Git LFS; git lfs pull fetches the file itself",
    b"<!doctype": "is an HTML page, as a failed download leaves it",
    b"<html": "is an HTML page, as a failed download leaves it",
    b"<?xml": "is an XML file",
    b"<svg": "is an SVG drawing, which has no pixels",
    b"%pdf": "is a PDF document",
}


class Header(NamedTuple):
    """What a file says of itself; width and height are those of the stored pixels."""

    width: int  # pixels
    height: int  # pixels
    turned: bool | None = False  # by a quarter, to be upright; None: unknown
    trait: str = ""  # what has to be converted to become three 8-bit channels


def foreign(head: bytes) -> str:
    """First bytes of a file -> what it is if not what it was taken for, as the end of a sentence, or ""."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64]
    return next((words for sign, words in FOREIGN.items() if start.lower().startswith(sign.lower())), "")


def header(stream: BinaryIO) -> Header | None:
    """Open file -> Header of a JPEG, PNG, GIF or BMP; None for other kinds and where it is broken."""
    stream.seek(0)
    head = stream.read(32)
    if head.startswith(JPEG):
        return _jpeg(stream)
    if head.startswith(PNG) and len(head) > 25:
        return Header(*struct.unpack(">II", head[16:24]), None, _png_trait(depth=head[24], colour=head[25]))
    if head[:4] == b"GIF8" and len(head) > 9:
        return Header(*struct.unpack("<HH", head[6:10]))
    if head[:2] == b"BM" and len(head) > 25 and head[14] >= 40:
        width, height = struct.unpack("<ii", head[18:26])
        return Header(abs(width), abs(height))
    return None


def damage(stream: BinaryIO, thorough: bool = True) -> str:
    """Open file -> reason why a JPEG or PNG is incomplete or damaged, or "".

    The checksums of a PNG are only looked at if thorough, or if its end is not where it should be.
    """
    stream.seek(0)
    head, length = stream.read(8), stream.seek(0, os.SEEK_END)
    if head.startswith(JPEG):
        return _jpeg_damage(stream, length)
    if not head.startswith(PNG):
        return ""
    stream.seek(max(0, length - len(PNG_END)))
    return "" if stream.read() == PNG_END and not thorough else _png_damage(stream)


def _segments(stream: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """(marker, offset of its content, length of that) of a JPEG's segments, up to its first scan."""
    at = 2
    while True:
        stream.seek(at)
        start = stream.read(4)
        if len(start) < 4 or start[0] != 0xFF:
            return
        marker, length = start[1], int.from_bytes(start[2:], "big")
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a length
            at += 2
        else:
            yield marker, at + 4, length - 2
            if marker == 0xDA:
                return
            at += 2 + length


def _jpeg(stream: BinaryIO) -> Header | None:
    orientation = 1
    for marker, at, length in _segments(stream):
        stream.seek(at)
        if marker == EXIF:
            orientation = _orientation(stream.read(max(0, length))) or orientation
        elif marker in FRAMES:
            frame = stream.read(6)
            if len(frame) < 6:
                return None
            height, width = struct.unpack(">HH", frame[1:5])
            return Header(width, height, 5 <= orientation <= 8, {1: "grey", 4: "CMYK"}.get(frame[5], ""))
    return None


def _orientation(exif: bytes) -> int:
    """Content of an EXIF segment -> which way up the picture is stored, 0 if it does not say."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[6:10])
    if exif[:6] != b"Exif\0\0" or order is None or len(exif) < 14:
        return 0
    first = 6 + struct.unpack(order + "I", exif[10:14])[0]
    if len(exif) < first + 2:
        return 0
    for at in range(first + 2, first + 2 + 12 * struct.unpack(order + "H", exif[first : first + 2])[0], 12):
        entry = exif[at : at + 12]
        if len(entry) == 12 and struct.unpack(order + "H", entry[:2])[0] == ORIENTATION:
            return struct.unpack(order + "H", entry[8:10])[0]
    return 0


def _jpeg_damage(stream: BinaryIO, length: int) -> str:
    """Where the end marker may stand: behind the header, since a thumbnail in the header has an end of its own.

    In the compressed data 0xFF is always followed by 0 or a restart marker.
    """
    scan = next((at for marker, at, _ in _segments(stream) if marker == 0xDA), length)
    for start in (max(scan, length - TAIL), scan):
        stream.seek(start)
        if b"\xff\xd9" in stream.read():
            return ""
    return "cut short: the JPEG has no end marker"


def _png_damage(stream: BinaryIO) -> str:
    """Chunk after chunk: length, name, content, checksum. Optional ones (a small first letter) may be damaged."""
    stream.seek(len(PNG))
    while True:
        length, name = int.from_bytes(stream.read(4), "big"), stream.read(4)
        content, checksum = stream.read(length), stream.read(4)
        if len(checksum) < 4:
            return "cut short: the PNG has no IEND chunk"
        if name[:1].isupper() and zlib.crc32(name + content) != int.from_bytes(checksum, "big"):
            return f"damaged: the checksum of the PNG's {name.decode('latin-1')} chunk is wrong"
        if name == b"IEND":
            return ""


def _png_trait(depth: int, colour: int) -> str:
    kind = {0: "grey", 3: "palette", 4: "alpha", 6: "alpha"}.get(colour, "")
    return "16-bit" if depth == 16 else kind
