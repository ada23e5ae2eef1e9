"""A map of values over an image, and points on it."""

import cv2
import numpy as np


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
