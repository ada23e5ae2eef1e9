"""Reading an image from disk into three channels of 8 bits, or refusing it with a sentence."""

import io
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np

from cornernet.data.depths import AUTO, Depth, eight_bits
from cornernet.data.endings import ended_early, greyed
from cornernet.data.exif import WAYS
from cornernet.data.geometry import resize_longest
from cornernet.data.headers import Header, damage, foreign, header
from cornernet.data.reduced import FLAGS, reduced
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


NO_BOXES = np.zeros((0, 4))
CUT = Fault("damaged image", "is cut short: the JPEG has an end marker, but not all of its pixels before it")


def read_image(
    path: str | Path, width: int | None = None, height: int | None = None, depth: Depth = AUTO,
    longest_side: int | None = None,
) -> np.ndarray:  # fmt: skip
    """File -> [H, W, 3] uint8, BGR; grey, palette, alpha (dropped), CMYK and 16-bit images are converted.

    depth: data.bit_depth, see `depths`; auto: of 16 bits the upper eight, of floats 0 to 1. longest_side: to which the
    image is resized, None: as it is; a JPEG that shrinks a lot by that is decoded at a part of its size, see `reduced`.

    Cameras store turned images with an EXIF note, and annotation files disagree on which way up their boxes are.
    The expected width and height decide: the upright image if it has that size, else the stored pixels if they
    have it. Where both have it (half turns, squares), or without a size, upright. Raises FileNotFoundError,
    or ValueError naming the file if it is no image, is damaged, or has another size than expected.
    """
    image = load(Path(path), width, height, depth, longest_side)
    if isinstance(image, Fault):
        raise ValueError(f"{path} {image.reason}")
    return image


def load(
    path: Path, width: int | None = None, height: int | None = None, depth: Depth = AUTO,
    longest_side: int | None = None,
) -> np.ndarray | Fault:  # fmt: skip
    """As `read_image`, but an image that cannot be used gives a Fault; raises OSError where there is no file."""
    image = raw(path, width, height, longest_side)
    if isinstance(image, Fault):
        return image
    try:
        return resize_longest(eight_bits(image, depth), NO_BOXES, longest_side)[0]
    except ValueError as error:
        return Fault("values without a place", str(error))


def raw(
    path: Path, width: int | None = None, height: int | None = None, longest_side: int | None = None
) -> np.ndarray | Fault:
    """The same in the numbers that the file holds, [H, W, 3] uint8, uint16 or any other.

    Only what is decoded at a part of its size has the longest side.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is {'a folder, not an image' if path.is_dir() else 'missing'}")
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size > AT_ONCE and isinstance(found := examine(stream, width, height), Fault):
            return found
        stream.seek(0)
        data = stream.read()
    found = examine(io.BytesIO(data), width, height, thorough=True)
    if isinstance(found, Fault):
        return found
    part = reduced(found, width, height, longest_side)
    image = _decode(data, FLAGS[part.by]) if part else None
    if part is None or not isinstance(image, np.ndarray) or image.shape[:2] != part.decoded:
        part, image = None, _upright(data, found, width, height)
    if isinstance(image, Fault):
        return image
    if image.dtype == np.uint8 and greyed(image) and ended_early(data):
        return CUT
    return part.resized(image) if part else image


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
    if found and found.width * found.height > (most := LARGEST // max(1, found.bits // 16)):
        size = f"{found.width}x{found.height}"
        return Fault("too large an image", f"claims to be {size} pixels, more than the {most} allowed")
    if found and width is not None and height is not None and not _may_be(found, width, height):
        return _another_size(found, width, height)
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


def _another_size(found: Header, width: int, height: int) -> Fault:
    swapped, why = (found.width, found.height) == (height, width), ""
    if found.way in WAYS:
        why = f"; its EXIF orientation is {found.way}, stored {WAYS[found.way]}"
    elif swapped:
        why = ": width and height are swapped, and no EXIF note turns it"
    size = f"is {found.width}x{found.height} pixels, the annotation file says {width}x{height}{why}"
    return Fault("width and height swapped" if swapped else "another size", size)


def _upright(data: bytes, found: Header, width: int | None, height: int | None) -> np.ndarray | Fault:
    """Bytes and the expected size -> image, the way up that has that size."""
    upright = _decode(data, cv2.IMREAD_COLOR)
    if isinstance(upright, Fault) or width is None or height is None or upright.shape[:2] == (height, width):
        return upright
    if upright.shape[:2] == (width, height):
        stored = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if isinstance(stored, Fault) or stored.shape[:2] == (height, width):
            return stored
    return _another_size(found._replace(width=upright.shape[1], height=upright.shape[0]), width, height)


def _decode(data: bytes, flags: int) -> np.ndarray | Fault:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_ANYDEPTH)
        if image is None and data[:2] in (b"II", b"MM"):  # of floats and 32 bits OpenCV makes no colours
            image = _three(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        if "CV_IO_MAX" in str(error):  # the decoder has read another size than we have
            return Fault("too large an image", f"claims to be more than the {LARGEST} pixels allowed")
        return Fault("not decodable", f"cannot be decoded: {' '.join(str(error.err).split())}")
    return Fault("not decodable", "is not an image that OpenCV can decode") if image is None else image


def _three(image: np.ndarray | None) -> np.ndarray | None:
    """Image of any channels -> [H, W, 3], alpha dropped; None for other numbers of channels than 1, 3 and 4."""
    if image is None or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        return None
    return np.repeat(np.atleast_3d(image), 3, 2) if image.ndim == 2 or image.shape[2] == 1 else image[..., :3]
