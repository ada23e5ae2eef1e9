"""Reading a picture from disk into three 8-bit channels, or refusing it with a sentence."""

from pathlib import Path

import cv2
import numpy as np


def read_image(path: str | Path, width: int | None = None, height: int | None = None) -> np.ndarray:
    """File -> [H, W, 3] uint8, BGR; grey, palette, alpha (dropped), CMYK and 16-bit pictures are converted.

    Cameras store turned pictures with an EXIF note, and annotation files disagree on which way up their boxes are.
    The expected width and height decide: the upright picture if it has that size, else the stored pixels if they
    have it. Where both have it (half turns, squares), or without a size, upright. Raises FileNotFoundError,
    or ValueError naming the file if it is no picture, is cut short, or has another size than expected.
    """
    path = Path(path)
    data = _load(path)
    if reason := _cut_short(data):
        raise ValueError(f"{path} is cut short: {reason}")
    upright = _decode(data, cv2.IMREAD_COLOR, path)
    if width is None or height is None or upright.shape[:2] == (height, width):
        return upright
    if upright.shape[:2] == (width, height):
        stored = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, path)
        if stored.shape[:2] == (height, width):
            return stored
    size = f"{upright.shape[1]}x{upright.shape[0]}"
    raise ValueError(f"{path} is {size} pixels, the annotation file says {width}x{height}")


def _load(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is {'a folder, not a picture' if path.is_dir() else 'missing'}")
    data = path.read_bytes()
    if not data:
        raise ValueError(f"{path} is empty")
    return data


def _decode(data: bytes, flags: int, path: Path) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:  # for example more pixels than OpenCV allows
        raise ValueError(f"{path} cannot be decoded: {' '.join(str(error).split())}") from None
    if image is None:
        raise ValueError(f"{path} is not a picture that OpenCV can decode")
    return image


def _cut_short(data: bytes) -> str:
    """Reason why the file is incomplete, or "".

    OpenCV fills what is missing of a JPEG or PNG with grey or black and only warns on stderr, so the end marker is
    looked for. In a JPEG it can only stand behind the header: a thumbnail in the header has an end of its own,
    and in the compressed data 0xFF is always followed by 0 or a restart marker.
    """
    if data[:2] == b"\xff\xd8":
        scan = _jpeg_scan(data)
        return "" if scan and data.find(b"\xff\xd9", scan) >= 0 else "the JPEG has no end marker"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "" if data.rfind(b"IEND") >= 0 else "the PNG has no IEND chunk"
    return ""


def _jpeg_scan(data: bytes) -> int:
    """Offset of the first scan of a JPEG, 0 if there is none."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xDA:
            return at
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a length
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0
