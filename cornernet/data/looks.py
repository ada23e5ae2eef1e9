"""What is odd about an image that can be used: (kind, what follows its name, what is done), for `check`."""

from pathlib import Path

import cv2
import numpy as np

from cornernet.data.depths import AUTO, UNIT, Depth, eight_bits, extremes, in_words, typed
from cornernet.data.endings import ended_early
from cornernet.data.exif import WAYS
from cornernet.data.headers import Header
from cornernet.data.images import CUT, SUFFIXES, Fault, raw
from cornernet.data.source import ImageRecord

Odd = tuple[str, str, str]
UNDER = "alpha dropped: what is under transparent pixels is used"
PROGRESSIVE, SCAN = b"\xff\xc2", b"\xff\xda"  # markers of a JPEG
SEEN = 128  # alpha below which a pixel counts as transparent
DEEP = {"16-bit", "32-bit", "64-bit", "float"}  # traits of more than 8 bits
SIGNS = {  # how files begin, what they are and the endings of their names
    b"\x89PNG": ("PNG", {".png"}), b"\xff\xd8": ("JPEG", {".jpg", ".jpeg"}), b"GIF8": ("GIF", {".gif"}),
    b"BM": ("BMP", {".bmp"}), b"RIFF": ("WebP", {".webp"}), b"II": ("TIFF", {".tif", ".tiff"}),
    b"MM": ("TIFF", {".tif", ".tiff"}),
}  # fmt: skip


def misnamed(path: Path, head: bytes) -> list[Odd]:
    """First bytes of a file -> whether its name says that it is an image of another kind."""
    ending = path.suffix.lower()
    kind, endings = next((found for sign, found in SIGNS.items() if head.startswith(sign)), ("", SUFFIXES))
    if ending in endings or ending not in SUFFIXES:
        return []
    return [(f"{kind} named {ending}", "", "read as what it is")]


def turned(seen: Header, record: ImageRecord) -> list[Odd]:
    """Whether an EXIF note turns the image, and which way up its boxes are taken to be."""
    if seen.way not in WAYS:
        return []
    note = f", EXIF orientation {seen.way}: {WAYS[seen.way]}"
    stored, expected = (seen.width, seen.height), (record.width, record.height)
    if seen.way > 4 and stored != stored[::-1]:
        if stored == expected:
            return [("image that EXIF turns, annotated as it is stored", note, "not turned, as its boxes are not")]
        return [("image stored on its side", note, "turned upright, as its boxes are")]
    unsure = "turned upright; its size does not tell whether its boxes are, show_data shows them"
    return [("image that EXIF turns or mirrors", note, unsure)]


def converted(seen: Header, depth: Depth) -> list[Odd]:
    """What is done to make three channels of 8 bits of an image."""
    if not seen.trait:
        return []
    outcome = UNDER if seen.trait == "alpha" else "made three channels of colour"
    outcome = f"taken as {in_words(depth)} (data.bit_depth={depth})" if seen.trait in DEEP else outcome
    return [(f"{seen.trait} image", "", outcome)]


def decoded(path: Path, seen: Header, record: ImageRecord, depth: Depth = AUTO) -> list[Odd] | Fault:
    """The same of all of an image, which is decoded; or why it cannot be used. Raises OSError."""
    image = raw(path, record.width, record.height)
    if isinstance(image, Fault):
        return image
    try:
        eight_bits(image, depth)
    except ValueError as error:
        return Fault("values without a place", str(error))
    data = path.read_bytes()
    if (seen.trait == "CMYK" or PROGRESSIVE in data[: data.find(SCAN)]) and ended_early(
        data
    ):  # whose cuts are not grey
        return CUT
    may_be = seen.trait not in ("", "grey") or data[:4] == b"GIF8"
    return [*_beyond(image, depth), *(_transparent(data) if may_be else [])]


def _beyond(image: np.ndarray, depth: Depth) -> list[Odd]:
    """Whether values of an image are beyond its depth, or no numbers."""
    if image.dtype == np.uint8:
        return []
    (low, high), found = extremes(image), []
    most = (
        1
        if depth == UNIT or (depth == AUTO and image.dtype.kind == "f")
        else 2 ** (16 if depth == AUTO else int(depth))
    )
    if high > most - (most > 1):
        found.append(("image with values beyond its depth", f", up to {high:g}", f"white; {typed(high)} has them"))
    if low < 0 or np.isnan(image).any():
        found.append(("image with values below 0 or that are no numbers", f", from {low:g}", "black"))
    return found


def _transparent(data: bytes) -> list[Odd]:
    """Whether a file of an image has pixels that are not to be seen, whose colours a detector is shown all the same."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        return []
    alpha = image[..., 3]
    share = float((alpha < SEEN * (257 if alpha.dtype == np.uint16 else 1)).mean())
    return [("image with transparent pixels", f", {share:.0%} of it", UNDER)] if share else []
