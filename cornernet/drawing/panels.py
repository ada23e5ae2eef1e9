"""Images beside one another, large enough to read, with a line of text above."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from cornernet.drawing.boxes import draw
from cornernet.drawing.text import font, shortened
from cornernet.structures import ImageDetections
from cornernet.system.printing import printable

LEGIBLE = 400  # pixels, the longest side of an image on which names can be read
MARK = "\N{BALLOT X}"  # before the name of a missed object or a wrong detection


def truth_and_predictions(
    image: np.ndarray,
    boxes: Any,
    labels: Any,
    detections: ImageDetections,
    names: Sequence[str] | None = None,
    min_score: float | Sequence[float] = 0.3,
) -> np.ndarray:
    """Set the annotated image on the left, the predicted one on the right -> one image [h, ~2 w, 3] uint8 BGR.

    Arguments as in `draw`; boxes and labels are the annotated ones. Predictions below min_score are left out.
    """
    truth = draw(image, boxes, labels, None, names)
    found = draw(image, detections.boxes, detections.labels, detections.scores, names, min_score)
    return grid([truth, found], columns=2)


def judged(
    image: np.ndarray, boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray | None, names: Sequence[str],
    groups: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:  # fmt: skip
    """Image with boxes [n, 4] xyxy of two groups, masks [n]: right ones, and wrong ones, whose names are marked."""
    for group, texts in zip(groups, (names, [f"{MARK} {name}" for name in names]), strict=True):
        image = draw(image, boxes[group], labels[group], None if scores is None else scores[group], texts)
    return image


def fitted(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """An image whose longest side is of so many pixels, and by how much it was enlarged."""
    zoom = side / max(image.shape[:2])
    size = [max(1, round(length * zoom)) for length in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_NEAREST), zoom


def grid(images: Sequence[np.ndarray], columns: int = 3, gap: int = 4, longest_side: int = 1600) -> np.ndarray:
    """Arrange images of any sizes in rows of `columns` -> one image, white between them; each centred in its cell.

    Images longer than longest_side are shrunk to it. Raises ValueError without an image.
    """
    if not images or columns < 1:
        raise ValueError(f"grid needs at least one image and one column, got {len(images)} and {columns}")
    images = [_shrunk(image, longest_side) for image in images]
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    panel = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        y = row * (height + gap) + (height - image.shape[0]) // 2
        x = column * (width + gap) + (width - image.shape[1]) // 2
        panel[y : y + image.shape[0], x : x + image.shape[1]] = image
    return panel


def enlarged(image: np.ndarray, boxes: np.ndarray, least: int = LEGIBLE) -> tuple[np.ndarray, np.ndarray]:
    """An image smaller than `least` pixels, or names would hide what is on it, and its boxes, whole times larger."""
    times = max(1, least // max(image.shape[:2]))
    if times == 1:
        return image, boxes
    return cv2.resize(image, None, fx=times, fy=times, interpolation=cv2.INTER_NEAREST), boxes * times


def captioned(image: np.ndarray, text: str) -> np.ndarray:
    """Image below a white strip with a line of text, cut to the width -> a new image."""
    from PIL import Image, ImageDraw  # it comes with matplotlib

    width, letters = image.shape[1], font(printable(text), 14)
    strip = Image.new("RGB", (width, sum(letters.getmetrics()) + 4), "white")
    line = shortened(printable(text), "", width - 4, letters)
    ImageDraw.Draw(strip).text((2, 1), line, fill="black", font=letters)
    return np.concatenate([np.asarray(strip), image])


def _shrunk(image: np.ndarray, longest_side: int) -> np.ndarray:
    return fitted(image, longest_side)[0] if max(image.shape[:2]) > longest_side else image
