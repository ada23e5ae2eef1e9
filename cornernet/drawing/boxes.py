"""Boxes on an image, in the colours of their classes, with names and scores."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from cornernet.drawing import labels as names_on
from cornernet.drawing.colours import colour
from cornernet.drawing.labels import Labels

Corner = tuple[int, int]  # x, y of a pixel
SHARE = 0.1  # of the image, which lines cover at most


class Style(NamedTuple):
    """How boxes are drawn."""

    line: int | None = None  # width in pixels; None: by the sizes of the image and of the box, thinner in a crowd
    labels: Labels = "auto"  # which have their name and score, see `labels`


STYLE = Style()


def draw(
    image: np.ndarray,
    boxes: Any,
    labels: Any,
    scores: Any = None,
    names: Sequence[str] | None = None,
    min_score: float | Sequence[float] = 0.0,
    style: Style = STYLE,
    wrong: Any = None,
) -> np.ndarray:
    """Image with boxes, each with its class name and score -> a new image; the given one is not changed.

    image [h, w, 3] uint8 BGR; boxes [n, 4] xyxy pixels, labels [n], scores [n] or None: arrays, tensors or lists.
    names: of the classes (None: the label's number). Boxes below min_score, one number or one a class, are left out;
    the best is drawn on top and named first. wrong: mask [n] of those that are dashed and marked; None for none.
    """
    canvas = np.ascontiguousarray(image).copy()
    boxes, labels = np.asarray(boxes, np.float64).reshape(-1, 4), np.asarray(labels, np.int64).reshape(-1)
    scores = None if scores is None else np.asarray(scores, np.float64).reshape(-1)
    wrong = np.zeros(len(boxes), bool) if wrong is None else np.asarray(wrong, bool).reshape(-1)
    order = np.arange(len(boxes)) if scores is None else np.argsort(scores, kind="stable")
    least = np.broadcast_to(min_score if np.ndim(min_score) == 0 else np.asarray(min_score)[labels], labels.shape)
    shown = [i for i in order if np.isfinite(boxes[i]).all() and (scores is None or scores[i] >= least[i])]
    places, colours = [_pixels(boxes[i], canvas.shape) for i in shown], [colour(labels[i]) for i in shown]
    widths = [style.line] * len(shown) if style.line else _widths(places, canvas.shape)
    for i, (first, last), bgr, width in zip(shown, places, colours, widths, strict=True):
        (_dashed if wrong[i] else cv2.rectangle)(canvas, first, last, bgr, width)
    texts = [names_on.text_of(labels[i], names, None if scores is None else scores[i], wrong[i]) for i in shown]
    return names_on.write(canvas, texts[::-1], places[::-1], colours[::-1], style.labels)


def outlines(image: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Image with thin boxes [n, 4], also those that reach beyond it, in the colours of their classes -> a new one."""
    canvas = np.ascontiguousarray(image).copy()
    for box, label in zip(np.asarray(boxes).reshape(-1, 4), labels, strict=True):
        x1, y1, x2, y2 = (round(float(v)) for v in box)
        cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), colour(label), 1)
    return canvas


def _pixels(box: np.ndarray, shape: tuple[int, ...]) -> tuple[Corner, Corner]:
    """First and last pixel that an edge box covers, inside the image."""
    limit = (shape[1] - 1, shape[0] - 1)
    first = [int(np.clip(np.floor(v), 0, m)) for v, m in zip(box[:2], limit, strict=True)]
    last = [int(np.clip(np.ceil(v) - 1, f, m)) for v, f, m in zip(box[2:], first, limit, strict=True)]
    return (first[0], first[1]), (last[0], last[1])


def _widths(places: Sequence[tuple[Corner, Corner]], shape: tuple[int, ...]) -> list[int]:
    """Width of every box's line: by the image's size, a tenth of the box at most, all together SHARE of the image."""
    sides = np.diff(np.array(places).reshape(-1, 2, 2), axis=1)[:, 0] + 1
    area = shape[0] * shape[1]
    most = min(area**0.5 / 280, SHARE * area / max(1, 2 * sides.sum()))
    return [max(1, round(width)) for width in np.minimum(most, sides.min(1, initial=area) / 10)]


def _dashed(canvas: np.ndarray, first: Corner, last: Corner, bgr: tuple[int, int, int], width: int) -> None:
    """Draw a box in dashes of four widths, two apart from one another, at the least one on every side."""
    for axis in (0, 1):
        start, end = first[axis], last[axis]
        for other in (first[1 - axis], last[1 - axis]):
            for a in range(start, end + 1, 6 * width + 2):
                near, far = (a, other), (min(a + 4 * width, end), other)
                near, far = (near, far) if axis == 0 else (near[::-1], far[::-1])
                cv2.line(canvas, near, far, bgr, width)
