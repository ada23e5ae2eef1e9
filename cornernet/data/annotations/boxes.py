"""One box as a file gives it, [x, y, w, h] in pixels: whether it is one, what of it is inside the image, its area."""

from typing import Any

import numpy as np

from cornernet.data.source import ImageRecord

LARGEST = 1e300  # beyond it sums of coordinates may overflow
NO_AREA = "bbox has no area"
FRACTIONS = "box like fractions of the image"
ROUNDING = 1.0  # pixels by which a box may leave its image before it counts as clipped
MARGIN = 2.0  # pixels by which a mask may be wider and higher than its box
SPECK = 16.0  # square pixels of a box, up to which a mask may have a single one
SMALL = 32  # pixels; in an image with a shorter side, numbers up to 1 may well be pixels


def numeric(bbox: Any) -> bool:
    """Whether it is a list of four finite numbers."""
    return (
        isinstance(bbox, list)
        and len(bbox) == 4
        and all(type(v) in (int, float) and -LARGEST < v < LARGEST for v in bbox)  # NaN fails it as well
    )


def bad_box(bbox: Any, width: int, height: int) -> str:
    """Reason why [x, y, w, h] is no box in an image of that size, or ""; also the name of the kind of problem."""
    if not isinstance(bbox, list) or len(bbox) != 4 or any(type(v) not in (int, float) for v in bbox):
        return "bbox must be four numbers [x, y, w, h]"
    if not numeric(bbox):
        return "bbox is not finite"
    x, y, w, h = bbox
    if w < 0 or h < 0:
        return "bbox has a negative width or height"
    if w == 0 or h == 0:
        return NO_AREA
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        return "bbox lies outside the image"
    if max(x, y, w, h) <= 1 and min(x, y) >= 0 and min(width, height) >= SMALL and any(v % 1 for v in bbox):
        return FRACTIONS
    x1, y1, x2, y2 = np.array(_edges(bbox, width, height), np.float32)
    return "" if x2 > x1 and y2 > y1 else "bbox is too thin for single precision"


def clipped(bbox: list[float], record: ImageRecord) -> tuple[list[float], tuple, bool]:
    """[x, y, w, h] -> (box for the evaluation, xyxy inside the image, whether the former was changed).

    A box that leaves its image by rounding stays as it is for the evaluation, so that figures on a sound file
    equal those of any other tool; what reaches further out can never be found and is cut.
    """
    x1, y1, x2, y2 = _edges(bbox, record.width, record.height)
    x, y, w, h = bbox
    beyond = max(x1 - x, y1 - y, x + w - x2, y + h - y2)
    if beyond <= ROUNDING:
        return bbox, (x1, y1, x2, y2), False
    return [x1, y1, x2 - x1, y2 - y1], (x1, y1, x2, y2), True


def sound_area(area: Any, bbox: list[float]) -> bool:
    """Whether it may be the area of a mask inside [x, y, w, h], in square pixels; exports that know none say 0 or 1."""
    w, h = bbox[2:]
    if type(area) not in (int, float) or not 0 < area < LARGEST:
        return False
    return area <= (w + MARGIN) * (h + MARGIN) and (area > 1 or w * h <= SPECK)


def _edges(bbox: list[float], width: int, height: int) -> tuple[float, float, float, float]:
    """[x, y, w, h] -> xyxy inside the image."""
    x, y, w, h = bbox
    return max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
