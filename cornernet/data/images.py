"""Reading an image from disk into three 8-bit channels, or refusing it with a sentence."""

import io
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np

from cornernet.data.headers import Header, damage, foreign, header
from cornernet.system.limits import LARGEST_IMAGE as LARGEST

FREE, SPARSE = 2**23, 512  # pixels that any file may have; of more, how many for each of its bytes
TILE = 2**24  # pixels of a tile that any TIFF may have; one of more belongs to an image that is as large
SPARE, DEEPEST = 2**26, 16  # bytes of notes and further images that a file may hold, and bytes for each pixel
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}  # of the files taken for images
AT_ONCE = 2**24  # bytes of a file that is read before it is looked at
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what it would print is said here, with names


class Fault(NamedTuple):
    """Why an image cannot be used."""

    kind: str  # what all images with this fault have in common
    reason: str  # what follows the file's name in the sentence


def read_image(path: str | Path, width: int | None = None, height: int | None = None) -> np.ndarray:
    """File -> [H, W, 3] uint8, BGR; grey, palette, alpha (dropped), CMYK and 16-bit images are converted.

    Cameras store turned images with an EXIF note, and annotation files disagree on which way up their boxes are.
    The expected width and height decide: the upright image if it has that size, else the stored pixels if they
    have it. Where both have it (half turns, squares), or without a size, upright. Raises FileNotFoundError,
    or ValueError naming the file if it is no image, is damaged, or has another size than expected.
    """
    image = load(Path(path), width, height)
    if isinstance(image, Fault):
        raise ValueError(f"{path} {image.reason}")
    return image


def load(path: Path, width: int | None = None, height: int | None = None) -> np.ndarray | Fault:
    """As `read_image`, but an image that cannot be used gives a Fault; raises OSError where there is no file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is {'a folder, not an image' if path.is_dir() else 'missing'}")
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size > AT_ONCE and isinstance(found := examine(stream, width, height), Fault):
            return found
        stream.seek(0)
        data = stream.read()
    found = examine(io.BytesIO(data), width, height, thorough=True)
    return found if isinstance(found, Fault) else _upright(data, width, height)


def examine(
    stream: BinaryIO, width: int | None = None, height: int | None = None, thorough: bool = False
) -> Header | Fault:
    """Open file and the expected size -> what its ends tell, without decoding."""
    head = stream.read(64)
    if not head:
        return Fault("empty image", "is empty")
    if words := foreign(head):
        return Fault("not an image", f"is not an image: it {words}")
    found = header(stream)
    if found and not found.width * found.height:
        return Fault("not an image", f"is not an image: it claims to be {found.width}x{found.height} pixels")
    if found and found.width * found.height > LARGEST:
        size = f"{found.width}x{found.height}"
        return Fault("too large an image", f"claims to be {size} pixels, more than the {LARGEST} allowed")
    if found and width is not None and height is not None and not _may_be(found, width, height):
        return _another_size(found.width, found.height, width, height)
    if reason := _costly(found, stream.seek(0, os.SEEK_END)):
        return Fault("too large an image", reason)
    if reason := damage(stream, thorough):
        return Fault("damaged image", f"is {reason}")
    return found or Fault("not an image", "is not an image that OpenCV can decode")


def _costly(found: Header | None, length: int) -> str:
    """Header and bytes of a file -> why reading or decoding it would cost more than its image is worth, or ""."""
    pixels = found.width * found.height if found else 0
    most = SPARE + DEEPEST * pixels
    if length > most:
        return f"holds {length} bytes, more than the {most} allowed" + (f" for {pixels} pixels" if found else "")
    if found and pixels > max(FREE, SPARSE * length):
        size = f"{found.width}x{found.height}"
        return f"claims to be {size} pixels in {length} bytes, more than {SPARSE} for each byte"
    if found and found.block > max(TILE, 4 * pixels):
        return f"claims to be {found.width}x{found.height} pixels in tiles of {found.block}"
    return ""


def _may_be(found: Header, width: int, height: int) -> bool:
    """Whether the stored pixels, as they are or upright, have that size."""
    stored = (found.width, found.height)
    return stored == (width, height) or (found.turned is not False and stored == (height, width))


def _another_size(width: int, height: int, expected_width: int, expected_height: int) -> Fault:
    expected = f"{expected_width}x{expected_height}"
    return Fault("another size", f"is {width}x{height} pixels, the annotation file says {expected}")


def _upright(data: bytes, width: int | None, height: int | None) -> np.ndarray | Fault:
    """Bytes and the expected size -> image, the way up that has that size."""
    upright = _decode(data, cv2.IMREAD_COLOR)
    if isinstance(upright, Fault) or width is None or height is None or upright.shape[:2] == (height, width):
        return upright
    if upright.shape[:2] == (width, height):
        stored = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if isinstance(stored, Fault) or stored.shape[:2] == (height, width):
            return stored
    return _another_size(upright.shape[1], upright.shape[0], width, height)


def _decode(data: bytes, flags: int) -> np.ndarray | Fault:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        if "CV_IO_MAX" in str(error):  # the decoder has read another size than we have
            return Fault("too large an image", f"claims to be more than the {LARGEST} pixels allowed")
        return Fault("not decodable", f"cannot be decoded: {' '.join(str(error.err).split())}")
    return Fault("not decodable", "is not an image that OpenCV can decode") if image is None else image
