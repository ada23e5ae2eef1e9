"""Images beside one another, large enough to read, with a line of text above."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from cornernet.drawing.boxes import STYLE, Style, draw
from cornernet.drawing.text import font, shortened
from cornernet.structures import ImageDetections
from cornernet.system.printing import printable

LEGIBLE, WIDEST = 400, 640  # pixels, the longest side of an image on which names can be read, and of one beside another
WIDE = 2.5  # width in heights, from which on images stand above one another


def truth_and_predictions(
    image: np.ndarray,
    boxes: Any,
    labels: Any,
    detections: ImageDetections,
    names: Sequence[str] | None = None,
    min_score: float | Sequence[float] = 0.3,
    style: Style = STYLE,
    captions: tuple[str, str] = ("ground truth", "prediction"),
) -> np.ndarray:
    """Set the annotated image on the left, the predicted one on the right -> one image [h, ~2 w, 3] uint8 BGR.

    Arguments as in `draw`; boxes and labels are the annotated ones. Predictions below min_score are left out. Images
    are resized to LEGIBLE to WIDEST pixels, so that names can be read; those much wider than high stand one above the
    other. captions: what stands above each.
    """
    wide = image.shape[1] > WIDE * image.shape[0]
    image, zoom = legible(image, 2 * WIDEST if wide else WIDEST)
    boxes, places = (np.asarray(x, np.float64).reshape(-1, 4) * zoom for x in (boxes, detections.boxes))
    truth = draw(image, boxes, labels, None, names, style=style)
    found = draw(image, places, detections.labels, detections.scores, names, min_score, style)
    return grid([captioned(*pair) for pair in zip((truth, found), captions, strict=True)], columns=1 if wide else 2)


def judged(
    image: np.ndarray, boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray | None, names: Sequence[str],
    groups: tuple[np.ndarray, np.ndarray], style: Style = STYLE,
) -> np.ndarray:  # fmt: skip
    """Image with boxes [n, 4] xyxy of two groups, masks [n]: right ones, and wrong ones, dashed and with a mark."""
    shown = groups[0] | groups[1]
    kept = None if scores is None else scores[shown]
    return draw(image, boxes[shown], labels[shown], kept, names, style=style, wrong=groups[1][shown])


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


def legible(image: np.ndarray, most: int) -> tuple[np.ndarray, float]:
    """An image smaller than LEGIBLE, or names would hide what is on it, whole times larger, one larger than `most`
    shrunk to it, and by how much it was enlarged.
    """
    longest = max(image.shape[:2])
    if longest > most:
        return fitted(image, most)
    times = max(1, LEGIBLE // longest)
    return fitted(image, times * longest) if times > 1 else (image, 1.0)


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
