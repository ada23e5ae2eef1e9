"""Images and boxes together: cut, resized, clipped.

Coordinates are edges: pixel i spans [i, i + 1], a box over the whole width W is [0, W]. Resizing therefore scales
a box by the ratio of the sizes and nothing else, and a flipped box is x' = W - x. The published code flips pixel
indices, x' = W - 1 - x, and clips at W - 1: with edges that would push every flipped box one pixel off its object.
"""

import math

import cv2
import numpy as np

from cornernet.structures import LabelledImage


def cut(image: np.ndarray, x0: int, y0: int, size: tuple[int, int], fill: int | np.ndarray = 0) -> np.ndarray:
    """Image [H, W, 3] -> [*size, 3], what lies under the window at (x0, y0); outside the image the fill, a colour.

    The window covers [x0, x0 + width): the published crop of odd width loses its last column, this one does not.
    """
    height, width = size
    top, left = max(y0, 0), max(x0, 0)
    part = image[top : max(y0 + height, top), left : max(x0 + width, left)]
    if part.shape[:2] == size:
        return part
    out = np.full((height, width, image.shape[2]), fill, image.dtype)
    out[top - y0 : top - y0 + part.shape[0], left - x0 : left - x0 + part.shape[1]] = part
    return out


def resize(image: np.ndarray, boxes: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Image [H, W, 3] and boxes [n, 4] -> both at size (height, width).

    Areas are averaged, against aliasing, where both sides shrink to less than 4/5. Above that linear sampling comes as
    near to a Lanczos-filtered image and takes a seventh of the time: docs/performance.md has the figures.
    """
    height, width = image.shape[:2]
    if (height, width) == tuple(size):
        return image, boxes
    shrinks = 5 * size[0] < 4 * height and 5 * size[1] < 4 * width
    out = cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return out, resized_boxes(boxes, (height, width), size)


def view(
    image: np.ndarray, start: tuple[float, float], zoom: float, size: tuple[int, int]
) -> tuple[np.ndarray, tuple[float, float], tuple[float, float]]:
    """Image [H, W, 3] -> what a window that begins at start (x, y) shows of it, enlarged by zoom to [*size, 3].

    Zeros beyond the image. Beside it pad and factor (x, y), with which x of the image is x * factor + pad in the view.
    Only what lies in the image is read, however large the window.
    """
    out = np.zeros((*size, image.shape[2]), image.dtype)
    spans = [_span(*axis, zoom) for axis in zip(start, image.shape[1::-1], size[::-1], strict=True)]
    (x, columns, left, width), (y, rows, top, height) = spans
    shown, _ = resize(image[y : y + rows, x : x + columns], np.zeros((0, 4)), (height, width))
    out[top : top + height, left : left + width] = shown
    factor = width / columns, height / rows
    return out, (left - x * factor[0], top - y * factor[1]), factor


def _span(start: float, length: int, side: int, zoom: float) -> tuple[int, int, int, int]:
    """Start of a window and its image along an axis, side of the view -> first pixel, pixels; where in the view, cells.

    A window beside the image shows its nearest pixel.
    """
    first = min(max(math.floor(start), 0), length - 1)
    last = min(max(math.ceil(start + side / zoom), first + 1), length)
    cells = min(max(1, round((last - first) * zoom)), side)
    return first, last - first, min(max(round((first - start) * zoom), 0), side - cells), cells


def resized_boxes(boxes: np.ndarray, before: tuple[int, ...], after: tuple[int, ...]) -> np.ndarray:
    """Boxes [n, 4] in an image of (height, width) -> the same where it is resized to another."""
    if tuple(before) == tuple(after):
        return boxes
    return boxes * np.array([after[1], after[0]] * 2) / np.array([before[1], before[0]] * 2)  # this keeps edges exact


def scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """(height, width) times scale, in whole pixels, at least one."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resize_longest(image: np.ndarray, boxes: np.ndarray, longest_side: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Image and boxes -> the same with the longest side in pixels as asked; None leaves them as they are."""
    if longest_side is None:
        return image, boxes
    return resize(image, boxes, scaled_size(image.shape[:2], longest_side / max(image.shape[:2])))


def clip(boxes: np.ndarray, labels: np.ndarray, size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes [n, 4], labels [n] -> boxes inside the image (height, width); those that lose all area go."""
    boxes = np.minimum(np.maximum(boxes, 0), np.array([size[1], size[0]] * 2, boxes.dtype))  # np.clip takes longer
    kept = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return (boxes, labels) if kept.all() else (boxes[kept], labels[kept])


def mean_colour(image: np.ndarray) -> np.ndarray:
    """Image [H, W, 3] uint8 -> its mean colour [3] uint8, with which the room around it and holes in it are filled."""
    return np.array(cv2.mean(image)[:3]).round().astype(np.uint8)


def kept(sample: LabelledImage, least: float, hidden: np.ndarray | float = 0.0) -> LabelledImage:
    """Clip boxes to the image, and leave out objects of which too little is left: the one rule of all transforms.

    least: share in 0..1 of a box's area that must be left; hidden [n]: share of the clipped boxes that something
    covers, as `covered` measures it.
    """
    image, boxes, labels = sample
    inside = np.clip(boxes, 0, [image.shape[1], image.shape[0]] * 2)
    before, after = (np.maximum(x[:, 2:] - x[:, :2], 0).prod(1) for x in (boxes, inside))
    left = (after > 0) & (after * (1 - hidden) >= least * before)
    return LabelledImage(image, inside[left], labels[left])


def covered(boxes: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Boxes [n, 4] in pixels, mask [H, W] bool -> share of the pixels that each touches which the mask has, [n]."""
    spans = np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], 1).clip(0).astype(int).tolist()
    parts = [mask[y1:y2, x1:x2] for x1, y1, x2, y2 in spans]
    return np.array([part.mean() if part.size else 0.0 for part in parts])


def between(rng: np.random.Generator, ends: list[float]) -> float:
    """Draw a number between the smallest and the largest of the list."""
    return float(rng.uniform(min(ends), max(ends)))


def place(rng: np.random.Generator, room: tuple[int, ...], size: tuple[int, int]) -> tuple[int, int]:
    """Draw where a window of (height, width) lies inside an image of [H, W, ...], its (y, x)."""
    return int(rng.integers(room[0] - size[0] + 1)), int(rng.integers(room[1] - size[1] + 1))
