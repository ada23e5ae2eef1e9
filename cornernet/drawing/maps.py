"""A map of values over an image, and points and arrows on it."""

from collections.abc import Sequence

import cv2
import numpy as np

from cornernet.drawing.colours import colour


def heat(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Image, dimmed and grey, under a map of values [h, w] in [0, 1], each cell a square -> a new image."""
    size = image.shape[1::-1]
    cells = cv2.resize(np.ascontiguousarray(values, np.float32), size, interpolation=cv2.INTER_NEAREST).clip(0, 1)
    share = np.sqrt(cells)[..., None]  # faint ones are seen as well
    warm = cv2.applyColorMap((cells * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) * 0.5
    return (grey * (1 - share) + warm * share).astype(np.uint8)


def marked(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Image with a small cross at each of the points [n, 2] (x, y) -> a new image."""
    canvas = np.ascontiguousarray(image).copy()
    for x, y in np.asarray(points).reshape(-1, 2):
        cv2.drawMarker(canvas, (int(x), int(y)), (255, 220, 60), cv2.MARKER_CROSS, 7, 1)
    return canvas


def arrows(image: np.ndarray, starts: np.ndarray, ends: np.ndarray, labels: Sequence[int] | np.ndarray) -> np.ndarray:
    """Image, dimmed and grey, with arrows between points [n, 2] (x, y) in the colours of classes -> a new one."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    canvas = np.ascontiguousarray((grey * 0.5).astype(np.uint8))
    for ends_of, label in zip(np.stack([starts, ends], 1).reshape(-1, 2, 2), labels, strict=True):
        first, last = (tuple(round(float(v)) for v in point) for point in ends_of)
        tip = min(1.0, 9 / max(1.0, float(np.hypot(*np.subtract(last, first)))))  # share of its length
        for bgr, width in (((0, 0, 0), 4), (colour(label), 2)):  # seen on any ground
            cv2.arrowedLine(canvas, first, last, bgr, width, cv2.LINE_AA, tipLength=tip)
    return canvas
