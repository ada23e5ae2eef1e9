"""JPEGs that are shrunk a lot, decoded at a half, a quarter or an eighth of their sides.

libjpeg-turbo finds the mean of 2 x 2, 4 x 4 or 8 x 8 pixels from the coefficients, without the pixels themselves. The
mean of such means is that of the pixels, but for two things: a wanted pixel's edge may lie inside one of them, and
colours that are stored at half the size are smoothed only where every pixel is made. Both fade with the number of means
that a wanted pixel averages: see LEAST, and docs/performance.md for the differences.
"""

from typing import NamedTuple

import cv2
import numpy as np

from cornernet.data.geometry import scaled_size
from cornernet.data.headers import Header

FLAGS = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
LEAST = {8: (2, 7), 4: (2, 6), 2: (3, 5)}  # means along a wanted pixel where that is a whole number, and where not
EVEN = (b"\x11\x11\x11", b"\x22\x11\x11")  # sampling 4:4:4 and 4:2:0
LOPSIDED = (b"\x21\x11\x11", b"\x12\x11\x11")  # 4:2:2 and 4:4:0, whose colours lose more: whole or not, one more


class Reduced(NamedTuple):
    """How an image is decoded at a part of its size."""

    by: int  # sides are divided by this
    size: tuple[int, int]  # (height, width) of the upright image in the file
    wanted: tuple[int, int]  # to which it is resized

    @property
    def decoded(self) -> tuple[int, int]:
        """(height, width) as it comes from the decoder; the last of an odd side's means reaches beyond the image."""
        return -(-self.size[0] // self.by), -(-self.size[1] // self.by)

    def resized(self, image: np.ndarray) -> np.ndarray:
        """Decoded image -> the wanted size, by the ratio of the true sizes: what lies beyond the image is left out."""
        y, x = (self.by * wanted / side for wanted, side in zip(self.wanted, self.size, strict=True))
        return cv2.resize(image, None, fx=x, fy=y, interpolation=cv2.INTER_AREA)


def reduced(found: Header, width: int | None, height: int | None, longest_side: int | None) -> Reduced | None:
    """Header of a file, the size that is expected of it and the one it is resized to -> how to decode it at a part.

    None: whole, as all that is no JPEG of grey or three colours, or shrinks too little.
    """
    if longest_side is None or not (len(found.sampling) == 1 or found.sampling in EVEN + LOPSIDED):
        return None
    size = (found.width, found.height) if found.turned else (found.height, found.width)
    if size != (height or size[0], width or size[1]):
        return None
    wanted = scaled_size(size, longest_side / max(size))
    return next((part for by in LEAST if _enough(part := Reduced(by, size, wanted), found)), None)


def _enough(part: Reduced, found: Header) -> bool:
    """Whether so much is left that the result is as good as that of all pixels."""
    by, size, wanted = part
    if found.way != 1 and any(side % by for side in size):  # the mean that reaches beyond the image might come first
        return False
    whole = all(side % (by * pixels) == 0 for side, pixels in zip(size, wanted, strict=True))
    least = LEAST[by][1] + 1 if found.sampling in LOPSIDED else LEAST[by][0 if whole else 1]
    return all(side >= least * by * pixels for side, pixels in zip(size, wanted, strict=True))
