"""The part of the augmentation that loader workers do: crop or fit, resize, flip, clip.

Coordinates are edges: pixel i spans [i, i + 1], a box over the whole width W is [0, W]. Resizing therefore scales
a box by the ratio of the sizes and nothing else, and a flipped box is x' = W - x. The published code flips pixel
indices, x' = W - 1 - x, and clips at W - 1: with edges that would push every flipped box one pixel off its object.
"""

from typing import NamedTuple

import cv2
import numpy as np

from cornernet.structures import ColourDraws


class Draws(NamedTuple):
    """Every random number of one sample; independent of the image's size and of which parts are switched on."""

    scale: float  # side of the crop relative to the input
    centre: tuple[float, float]  # (x, y) in [0, 1), where between the borders the crop's centre lies
    flip: bool  # flip left and right
    flip_vertical: bool  # flip top and bottom
    colour: ColourDraws


def draw(
    rng: np.random.Generator,
    scales: list[float],
    flip: float = 0.5,
    flip_vertical: float = 0.0,
    colour: float = 0.4,
    lighting: float = 0.1,
) -> Draws:
    """Generator and strengths -> the numbers of one sample, always drawn in the same order."""
    scale = float(scales[int(rng.integers(len(scales)))])
    x, y, flipped, upside_down = rng.random(4)
    order = rng.permutation(3).astype(np.int64)
    alpha = rng.uniform(-1, 1, 3) * colour
    light = rng.normal(0, 1, 3) * lighting
    draws = ColourDraws(order, alpha.astype(np.float32), light.astype(np.float32))
    return Draws(scale, (float(x), float(y)), bool(flipped < flip), bool(upside_down < flip_vertical), draws)


def margin(border: int, length: int) -> int:
    """Border in pixels, halved until two of them leave a pixel of the length between them."""
    while length - border <= border and border > 0:
        border //= 2
    return border


def window(
    image_size: tuple[int, int], crop_size: tuple[int, int], centre: tuple[float, float], border: int
) -> tuple[int, int]:
    """Sizes (height, width), centre in [0, 1), border -> (x0, y0) of the crop, negative where it leaves the image."""
    starts = []
    for length, crop, fraction in zip(image_size[::-1], crop_size[::-1], centre, strict=True):
        low = margin(border, length)
        starts.append(low + int(fraction * (length - 2 * low)) - crop // 2)
    return starts[0], starts[1]


def cut(image: np.ndarray, x0: int, y0: int, size: tuple[int, int]) -> np.ndarray:
    """Image [H, W, 3] -> [*size, 3], what lies under the window at (x0, y0); zeros outside the image.

    The window covers [x0, x0 + width): the published crop of odd width loses its last column, this one does not.
    """
    height, width = size
    top, left = max(y0, 0), max(x0, 0)
    part = image[top : max(y0 + height, top), left : max(x0 + width, left)]
    if part.shape[:2] == size:
        return part
    out = np.zeros((height, width, image.shape[2]), image.dtype)
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
    return out, boxes * np.array([size[1], size[0]] * 2) / np.array([width, height] * 2)  # this order keeps edges exact


def scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """(height, width) times scale, in whole pixels, at least one."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resize_longest(image: np.ndarray, boxes: np.ndarray, longest_side: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Image and boxes -> the same with the longest side in pixels as asked; None leaves them as they are."""
    if longest_side is None:
        return image, boxes
    return resize(image, boxes, scaled_size(image.shape[:2], longest_side / max(image.shape[:2])))


def crop(
    image: np.ndarray,
    boxes: np.ndarray,
    input_size: tuple[int, int],
    scale: float,
    centre: tuple[float, float],
    border: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The published crop: a window of input_size * scale around the drawn centre, zero padded, resized to the input."""
    size = (max(1, int(input_size[0] * scale)), max(1, int(input_size[1] * scale)))
    x0, y0 = window(image.shape[:2], size, centre, border)
    return resize(cut(image, x0, y0, size), boxes - np.array([x0, y0, x0, y0]), input_size)


def fit(image: np.ndarray, boxes: np.ndarray, input_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The whole image, aspect kept, as large as the input (height, width) allows, in the middle of zeros."""
    height, width = image.shape[:2]
    scale = min(input_size[0] / height, input_size[1] / width)
    rows, columns = scaled_size((height, width), scale)
    size = min(rows, input_size[0]), min(columns, input_size[1])
    image, boxes = resize(image, boxes, size)
    x0, y0 = (size[1] - input_size[1]) // 2, (size[0] - input_size[0]) // 2
    return cut(image, x0, y0, input_size), boxes - np.array([x0, y0, x0, y0])


def flip(image: np.ndarray, boxes: np.ndarray, horizontal: bool, vertical: bool) -> tuple[np.ndarray, np.ndarray]:
    """Image and boxes, flipped left-right and/or top-bottom; the box encloses the same content as before."""
    height, width = image.shape[:2]
    if horizontal:
        boxes = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)
    if vertical:
        boxes = np.stack([boxes[:, 0], height - boxes[:, 3], boxes[:, 2], height - boxes[:, 1]], 1)
    if horizontal or vertical:
        image = cv2.flip(image, -1 if horizontal and vertical else int(horizontal))
    return image, boxes


def clip(boxes: np.ndarray, labels: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes [n, 4], labels [n] -> float32 boxes inside the image (height, width); those that lose all area go."""
    limits = np.array([size[1], size[0]] * 2, np.float32)
    boxes = np.clip(boxes.astype(np.float32), 0, limits)
    kept = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return boxes[kept], labels[kept]


def augment(
    image: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    draws: Draws,
    input_size: tuple[int, int],
    cropping: bool = True,
    border: int = 128,
    longest_side: int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image [H, W, 3] uint8, boxes [n, 4], labels [n] and draws -> the same three at the network's input size."""
    image, boxes = resize_longest(image, boxes.astype(np.float64), longest_side)
    if cropping:
        image, boxes = crop(image, boxes, input_size, draws.scale, draws.centre, border)
    else:
        image, boxes = fit(image, boxes, input_size)
    image, boxes = flip(image, boxes, draws.flip, draws.flip_vertical)
    boxes, labels = clip(boxes, labels, input_size)
    return np.ascontiguousarray(image), boxes, labels
