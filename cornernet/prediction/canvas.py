"""An image on the canvas that a network takes, and boxes and points on the way back to its own pixels.

Coordinates are edges: pixel i covers [i, i + 1] and an image of width W covers [0, W], so resizing multiplies,
padding adds and flipping a canvas of width W turns x into W - x, all without half pixels.
"""

from typing import NamedTuple, Protocol

import numpy as np
import torch

from cornernet.data import resize, scaled_size
from cornernet.structures import Detections, Keypoints


class Fitted(NamedTuple):
    """A resized image on the canvas that the network takes, and the way back."""

    canvas: np.ndarray  # [H, W, 3] uint8, BGR, zeros around the image
    pad: tuple[float, float]  # (x, y) of the image's top-left corner on the canvas
    factor: tuple[float, float]  # (x, y) resized size / original size, as it came out after rounding


class Fits(Protocol):
    """What an image is fitted to, mostly a detector."""

    def fit_size(self, height: int, width: int, /) -> tuple[int, int]:
        """Smallest input (height, width) that holds such an image."""


class FixedCanvas(NamedTuple):
    """The one canvas of an exported file, in place of a detector where images are fitted."""

    size: tuple[int, int]  # (height, width)

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """The one size there is, whatever the image's."""
        return self.size


class OpenCanvas(NamedTuple):
    """The canvases of an exported file that takes many, each field of them (height, width)."""

    multiple: tuple[int, int]  # of which both sides are multiples,
    less: tuple[int, int]  # less so many pixels
    least: tuple[int, int]
    most: tuple[int, int]

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """The smallest that holds an image of this size, or the largest there is."""
        high, wide = map(_side, (height, width), *self)
        return high, wide


def _side(length: int, multiple: int, less: int, least: int, most: int) -> int:
    return min(max(-(-(length + less) // multiple) * multiple - less, least), most)


def fit(detector: Fits, image: np.ndarray, scale: float = 1.0, longest_side: int | None = None) -> Fitted:
    """Resize an image and centre it on a canvas of zeros of the smallest size that the detector takes.

    image [h, w, 3] uint8 -> Fitted. Rows and columns never round down to nothing. An image that is larger than the
    largest canvas, which exported files have, is shrunk into it.
    """
    return place(image, *sizes_of(detector, image.shape[:2], scale, longest_side))


def sizes_of(
    detector: Fits, size: tuple[int, int], scale: float, longest_side: int | None
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(height, width) of an image -> that to which it is resized, and that of its canvas."""
    height, width = size
    zoom = scale if longest_side is None else scale * longest_side / max(height, width)
    size = scaled_size((height, width), zoom)
    canvas = detector.fit_size(*size)
    if canvas[0] < size[0] or canvas[1] < size[1]:
        size = scaled_size((height, width), min(zoom, canvas[0] / height, canvas[1] / width))
    return size, canvas


def place(image: np.ndarray, size: tuple[int, int], canvas_size: tuple[int, int]) -> Fitted:
    """Image [h, w, 3] uint8, resized to size (height, width), in the middle of zeros of canvas_size -> Fitted."""
    height, width = image.shape[:2]
    image, _ = resize(image, np.zeros((0, 4)), size)
    canvas = np.zeros((*canvas_size, 3), np.uint8)
    left, top = canvas_size[1] // 2 - size[1] // 2, canvas_size[0] // 2 - size[0] // 2
    canvas[top : top + size[0], left : left + size[1]] = image
    return Fitted(canvas, (left, top), (size[1] / width, size[0] / height))


def to_original(found: Detections, fitted: Fitted, flipped: bool = False) -> Detections:
    """Rows of one canvas ([N, ...], invalid ones included) -> its valid rows in original pixels."""
    valid = (found.scores >= 0) & found.boxes.isfinite().all(1)  # a score of NaN is not >= 0 either
    found = Detections(*(x[valid] for x in found))
    boxes = found.boxes.float()
    if flipped:
        width = fitted.canvas.shape[1]
        boxes = torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)
    boxes = (boxes - boxes.new_tensor(fitted.pad * 2)) / boxes.new_tensor(fitted.factor * 2)
    return found._replace(boxes=boxes)


def points_to_original(marks: Keypoints, fitted: Fitted, flipped: bool) -> Keypoints:
    """Keypoints [K] of one canvas -> the same in original pixels."""
    x, y = marks.points.unbind(-1)
    points = torch.stack([fitted.canvas.shape[1] - x if flipped else x, y], -1)
    return marks._replace(points=(points - points.new_tensor(fitted.pad)) / points.new_tensor(fitted.factor))
