"""The published augmentation as one function, as it was written before each transform became a file of its own.

What a loader process drew, in one order from one stream, and did to a sample; then the colours, image by image.
"""

import cv2
import numpy as np


def sample(rng, image, boxes, labels, size, scales, border, flip, vertical, strength, std, longest=None):
    """Generator, image, boxes, labels and settings -> image, boxes and labels of the input's size, order, alpha, light.

    scales None: the whole image is fitted into the input.
    """
    scale = 1.0 if scales is None else float(scales[int(rng.integers(len(scales)))])
    x, y = (0.0, 0.0) if scales is None else rng.random(2)
    flipped, upside_down = rng.random(2)
    order = rng.permutation(3).astype(np.int64)
    alpha = rng.uniform(-1, 1, 3) * strength
    light = rng.normal(0, 1, 3) * std
    boxes = boxes.astype(np.float64)
    if longest is not None:
        share = longest / max(image.shape[:2])
        image, boxes = resize(image, boxes, [max(1, round(side * share)) for side in image.shape[:2]])
    if scales is None:
        image, boxes = fit(image, boxes, size)
    else:
        image, boxes = crop(image, boxes, size, scale, (float(x), float(y)), border)
    height, width = image.shape[:2]
    if flipped < flip:
        image = image[:, ::-1]
        boxes = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)
    if upside_down < vertical:
        image = image[::-1]
        boxes = np.stack([boxes[:, 0], height - boxes[:, 3], boxes[:, 2], height - boxes[:, 1]], 1)
    boxes = np.clip(boxes.astype(np.float32), 0, np.array([size[1], size[0]] * 2, np.float32))
    kept = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    numbers = order, alpha.astype(np.float32), light.astype(np.float32)
    return np.ascontiguousarray(image), boxes[kept], labels[kept], *numbers


def crop(image, boxes, size, scale, centre, border):
    """A window of size * scale around the drawn centre, zero padded, resized."""
    rows, columns = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    starts = []
    for length, side, share in zip(image.shape[1::-1], (columns, rows), centre, strict=True):
        low = border
        while length - low <= low and low > 0:
            low //= 2
        starts.append(low + int(share * (length - 2 * low)) - side // 2)
    x, y = starts
    return resize(padded(image, x, y, rows, columns), boxes - np.array([x, y, x, y]), size)


def fit(image, boxes, size):
    """The whole image in the middle of zeros."""
    scale = min(size[0] / image.shape[0], size[1] / image.shape[1])
    inner = [min(max(1, round(side * scale)), most) for side, most in zip(image.shape[:2], size, strict=True)]
    image, boxes = resize(image, boxes, inner)
    x, y = (inner[1] - size[1]) // 2, (inner[0] - size[0]) // 2
    return padded(image, x, y, *size), boxes - np.array([x, y, x, y])


def padded(image, x, y, rows, columns):
    """What lies under a window; zeros outside the image."""
    out = np.zeros((rows, columns, 3), np.uint8)
    height, width = image.shape[:2]
    left, right, top, bottom = max(x, 0), min(x + columns, width), max(y, 0), min(y + rows, height)
    if left < right and top < bottom:
        out[top - y : bottom - y, left - x : right - x] = image[top:bottom, left:right]
    return out


def resize(image, boxes, size):
    """Areas averaged where both sides shrink to less than 4/5, linear elsewhere."""
    height, width = image.shape[:2]
    if (height, width) == tuple(size):
        return image, boxes
    shrinks = 5 * size[0] < 4 * height and 5 * size[1] < 4 * width
    out = cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return out, boxes * np.array([size[1], size[0]] * 2) / np.array([width, height] * 2)
