"""Whether a file holds all of its image: files that were cut, and JPEGs that were cut and then ended.

Decoders differ in what they make of them: OpenCV refuses some and fills what is missing of others with grey.
"""

import os
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import cv2
import numpy as np

from cornernet.data import containers

MARKER = re.compile(rb"\xff[^\0\xff]")
GREY = 128  # of all channels, where a JPEG holds no data
# data that no whole JPEG reads, behind every marker with which it may go on
MORE = b"\0" + b"".join(bytes(range(7, 0xFE, 3)) + bytes([0xFF, 0xD0 + i]) for i in range(8))
STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
silence = threading.Lock()


def missing(stream: BinaryIO, length: int) -> str:
    """Open file and its bytes -> reason why a WebP, TIFF, BMP, GIF or PNM is incomplete, or ""."""
    stream.seek(0)
    head = stream.read(4096)
    if head[:4] == b"GIF8":
        return "" if _whole_gif(stream, head) else "cut short: the GIF ends within its first image"
    if head[:2] == b"BM":
        kind, end = "BMP", _end_of_bmp(head)
    elif head[:4] in (b"II*\0", b"MM\0*"):
        kind, end = "TIFF", struct.unpack(("<" if head[:2] == b"II" else ">") + "I", head[4:8].ljust(4, b"\0"))[0] + 2
        end = max(end, _claimed(stream))
    else:
        kind, end = ("WebP" if head[:4] == b"RIFF" else "PNM"), _claimed(stream)
    return f"cut short: the {kind} has {length} bytes of {end}" if length < end - (kind == "WebP") else ""


def _claimed(stream: BinaryIO) -> int:
    claim = containers.claim(stream)
    return claim.end if claim else 0


def _end_of_bmp(head: bytes) -> int:
    """Bytes that the pixels of a BMP need, as far as that can be told without decoding."""
    if len(head) < 34 or head[14] < 40 or int.from_bytes(head[30:34], "little") not in (0, 3):
        return 0
    start, (width, height), bits = struct.unpack_from("<I", head, 10)[0], struct.unpack_from("<ii", head, 18), head[28]
    return start + (abs(width) * bits + 31) // 32 * 4 * abs(height)


def _whole_gif(stream: BinaryIO, head: bytes) -> bool:
    """Whether all blocks up to the end of the first image are there."""
    at = 13 + _colours(head[10:11])
    while True:
        stream.seek(at)
        block = stream.read(10)
        if block[:1] == b"!":
            at = _end_of_blocks(stream, at + 2)
        elif block[:1] == b"," and len(block) == 10:
            return _end_of_blocks(stream, at + 11 + _colours(block[9:])) > 0
        else:
            return False
        if not at:
            return False


def _colours(flags: bytes) -> int:
    """Bytes of the table of colours that a byte of flags announces."""
    return 3 << (flags[0] % 8 + 1) if flags and flags[0] & 0x80 else 0


def _end_of_blocks(stream: BinaryIO, at: int) -> int:
    """Where the blocks of data that begin there end, 0 where the file does before."""
    stream.seek(at)
    while length := stream.read(1):
        if length == b"\0":
            return stream.tell()
        stream.seek(length[0], os.SEEK_CUR)
    return 0


def ended_early(data: bytes) -> bool:
    """Whether a JPEG that has an end marker was cut before it: then data put before the marker change the image."""
    if not data.startswith(b"\xff\xd8"):
        return False
    if not (end := _end_marker(data)):  # it stands inside of a segment
        return True
    with _silent():
        before, after = (_stored(x) for x in (data, data[:end] + MORE + data[end:]))
    return before is not None and after is not None and not np.array_equal(before, after)


def greyed(image: np.ndarray) -> bool:
    """Whether a corner of an image is of the grey that stands for no data."""
    return bool((image[[0, 0, -1, -1], [0, -1, 0, -1]] == GREY).all(1).any())


def _end_marker(data: bytes) -> int:
    """Where the end marker of a JPEG is, 0 if there is none; what some cameras append has markers of its own."""
    at = 2
    while found := MARKER.search(data, at):
        code, at = data[found.end() - 1], found.end()
        if code == 0xD9:
            return found.end() - 2
        if code != 0x01 and not 0xD0 <= code <= 0xD7:
            at += int.from_bytes(data[at : at + 2], "big")
    return 0


def _stored(data: bytes) -> np.ndarray | None:
    return cv2.imdecode(np.frombuffer(data, np.uint8), STORED)


@contextmanager
def _silent() -> Iterator[None]:
    """Meanwhile what libjpeg prints of further data goes nowhere."""
    with silence, open(os.devnull, "wb") as nowhere:
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
