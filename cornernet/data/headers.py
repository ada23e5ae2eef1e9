"""What the bytes of an image tell before it is decoded: its kind, its size, which way up it is, whether it is whole.

OpenCV fills what is missing of a JPEG with grey and only warns on stderr, and it allocates whatever size a file
claims. Both are found out here, in a few reads of the file's ends.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from cornernet.data import containers, endings, exif

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
PNG_SPARE = 2**14  # bytes of compressed pixels beyond twice what they are: rows of interlaced ones, other encoders
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
SCANS = 100  # of a JPEG; encoders write ten or so, and each of them takes as long as a whole image
TAIL = 4096  # bytes in which the end of a JPEG is looked for first; some cameras append more
EXIF = 0xE1
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # JPEG markers that open a frame and tell its size
FOREIGN = {  # how files begin that are neither an image nor JSON
    b"\x1f\x8b": "is compressed with gzip; unpack it first",
    b"PK\x03\x04": "is a zip archive; unpack it first",
    b"version https://git-lfs": "is a pointer of Git LFS; git lfs pull fetches the file itself",
    b"<!doctype": "is an HTML page, as a failed download leaves it",
    b"<html": "is an HTML page, as a failed download leaves it",
    b"<?xml": "is an XML file",
    b"<svg": "is an SVG drawing, which has no pixels",
    b"%pdf": "is a PDF document",
    b"#?ra": "is a Radiance HDR file; save it as JPEG or PNG",
    b"#?rgbe": "is a Radiance HDR file; save it as JPEG or PNG",
    b"pf\n": "is a PFM file of floating-point numbers; save it as JPEG or PNG",
    b"\x59\xa6\x6a\x95": "is a Sun raster file; save it as JPEG or PNG",
    b"v/1\x01": "is an OpenEXR file; save it as JPEG or PNG",
}


class Header(NamedTuple):
    """What a file says of itself; width and height are those of the stored pixels."""

    width: int  # pixels
    height: int  # pixels
    turned: bool | None = False  # by a quarter, to be upright; None: unknown
    trait: str = ""  # what has to be converted to become three 8-bit channels
    block: int = 0  # pixels of a TIFF's tile, which is decoded as one however small the image is
    way: int = 1  # EXIF orientation, see `exif`
    bits: int = 8  # of a value
    sampling: bytes = b""  # of a JPEG's components, four bits across and four down for each


def foreign(head: bytes) -> str:
    """First bytes of a file -> what it is if not what it was taken for, as the end of a sentence, or ""."""
    if head[4:8] == b"ftyp" and re.search(rb"avi[fs]|mif1|msf1|hei[cx]", head[8:64]):
        return "is an AVIF or HEIF file, whose size is known only once it is decoded; save it as JPEG or PNG"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64]
    return next((words for sign, words in FOREIGN.items() if start.lower().startswith(sign.lower())), "")


def header(stream: BinaryIO) -> Header | None:
    """Open file -> Header of a JPEG, PNG, GIF, BMP, WebP, TIFF, JPEG 2000 or PNM; None for others and broken ones."""
    stream.seek(0)
    head = stream.read(32)
    if head.startswith(JPEG):
        return _jpeg(stream)
    if head.startswith(PNG) and len(head) > 25:
        width, height = struct.unpack(">II", head[16:24])
        trait = _png_trait(depth=head[24], colour=head[25])
        return Header(width, height, None, trait, way=exif.of_png(stream) or 1, bits=head[24])
    if head[:4] == b"GIF8" and len(head) > 9:
        return Header(*struct.unpack("<HH", head[6:10]))
    if head[:2] == b"BM" and len(head) > 25:
        width, height = struct.unpack("<ii", head[18:26]) if head[14] >= 40 else struct.unpack("<HH", head[18:22])
        return Header(abs(width), abs(height))
    claim = containers.claim(stream)
    if claim is None:
        return None
    way = exif.of_webp(stream) if head[:4] == b"RIFF" else claim.way
    return Header(claim.width, claim.height, None, claim.trait, claim.block, way or 1, claim.bits)


def damage(stream: BinaryIO, thorough: bool = True) -> str:
    """Open file -> reason why it is incomplete or, as a JPEG or PNG, damaged, or "".

    The checksums of a PNG are only looked at if thorough, or if its end is not where it should be; scans are counted
    if thorough.
    """
    stream.seek(0)
    head, length = stream.read(8), stream.seek(0, os.SEEK_END)
    if head.startswith(JPEG):
        return _jpeg_damage(stream, length, thorough)
    if not head.startswith(PNG):
        return endings.missing(stream, length)
    stream.seek(max(0, length - len(PNG_END)))
    return "" if stream.read() == PNG_END and not thorough else _png_damage(stream)


def _segments(stream: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """(marker, offset of its content, length of that) of a JPEG's segments, up to its first scan.

    As libjpeg finds them: bytes between segments are passed over up to the next marker, and 0xFF 0 is none.
    """
    at = 2
    while (found := _next_marker(stream, at)) is not None:
        at = found
        stream.seek(at)
        start = stream.read(3)
        if len(start) < 3:
            return
        marker, length = start[0], int.from_bytes(start[1:], "big")
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a length
            at += 1
            continue
        yield marker, at + 3, length - 2
        if marker == 0xDA:
            return
        at += 1 + length


def _next_marker(stream: BinaryIO, at: int) -> int | None:
    """Offset from which to look -> that of the code of the next marker, None if there is none in the file."""
    stream.seek(at)
    before = b""
    while part := stream.read(64 if not before else TAIL):
        if found := endings.MARKER.search(before + part):
            return at + found.end() - 1
        at += len(before) + len(part) - 1  # its last byte may be the first of a marker
        before = part[-1:]
    return None


def _jpeg(stream: BinaryIO) -> Header | None:
    orientation = 1
    for marker, at, length in _segments(stream):
        stream.seek(at)
        if marker == EXIF:
            note = stream.read(max(0, length))
            orientation = (note.startswith(exif.START) and exif.orientation(note)) or orientation
        elif marker in FRAMES:
            frame = stream.read(6)
            if len(frame) < 6:
                return None
            height, width = struct.unpack(">HH", frame[1:5])
            trait = {1: "grey", 4: "CMYK"}.get(frame[5], "")
            sampling = stream.read(3 * frame[5])[1::3]
            return Header(width, height, 5 <= orientation <= 8, trait, way=orientation, sampling=sampling)
    return None


def _jpeg_damage(stream: BinaryIO, length: int, thorough: bool) -> str:
    """Where the end marker may stand: behind the header, since a thumbnail in the header has an end of its own.

    In the compressed data 0xFF is always followed by 0 or a restart marker.
    """
    scan = next((at for marker, at, _ in _segments(stream) if marker == 0xDA), length)
    if thorough and stream.seek(scan) == scan and (scans := stream.read().count(b"\xff\xda")) >= SCANS:
        return f"damaged: the JPEG has {scans + 1} scans, more than the {SCANS} allowed"
    for start in (max(scan, length - TAIL), scan):
        stream.seek(start)
        if b"\xff\xd9" in stream.read():
            return ""
    return "cut short: the JPEG has no end marker"


def _png_damage(stream: BinaryIO) -> str:
    """Chunk after chunk: length, name, content, checksum. Optional ones (a small first letter) may be damaged.

    Pixels that are compressed to more than they are would take long to unpack, and to nothing.
    """
    stream.seek(len(PNG))
    left = 0
    while True:
        length, name = int.from_bytes(stream.read(4), "big"), stream.read(4)
        content, checksum = stream.read(length), stream.read(4)
        if len(checksum) < 4:
            return "cut short: the PNG has no IEND chunk"
        if name[:1].isupper() and zlib.crc32(name + content) != int.from_bytes(checksum, "big"):
            return f"damaged: the checksum of the PNG's {name.decode('latin-1')} chunk is wrong"
        if name == b"IHDR":
            left = PNG_SPARE + 2 * _png_bytes(content)
        left -= length * (name == b"IDAT")
        if left < 0:
            return "damaged: the PNG holds more data than its pixels need"
        if name == b"IEND":
            return ""


def _png_bytes(head: bytes) -> int:
    """Content of the first chunk -> bytes of the pixels with a byte for every row, before they are compressed."""
    width, height, depth, colour = struct.unpack(">IIBB", head[:10]) if len(head) > 9 else (0, 0, 0, 0)
    return height * (1 + (width * depth * {2: 3, 4: 2, 6: 4}.get(colour, 1) + 7) // 8)


def _png_trait(depth: int, colour: int) -> str:
    kind = {0: "grey", 3: "palette", 4: "alpha", 6: "alpha"}.get(colour, "")
    return "16-bit" if depth == 16 else kind
