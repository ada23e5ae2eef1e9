"""Boxes on an image, in the colours of their classes, with names and scores."""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np

from cornernet.drawing import text
from cornernet.drawing.colours import colour
from cornernet.system.printing import printable

log = logging.getLogger("cornernet")


def draw(
    image: np.ndarray,
    boxes: Any,
    labels: Any,
    scores: Any = None,
    names: Sequence[str] | None = None,
    min_score: float | Sequence[float] = 0.0,
) -> np.ndarray:
    """Image with boxes, each with its class name and score -> a new image; the given one is not changed.

    image [h, w, 3] uint8 BGR; boxes [n, 4] xyxy pixels, labels [n], scores [n] or None: arrays, tensors or lists.
    names: of the classes (None: the label's number). Boxes below min_score, one number or one a class, are left out;
    the best is drawn on top.
    """
    canvas = np.ascontiguousarray(image).copy()
    boxes, labels = np.asarray(boxes, np.float64).reshape(-1, 4), np.asarray(labels, np.int64).reshape(-1)
    scores = None if scores is None else np.asarray(scores, np.float64).reshape(-1)
    order = np.arange(len(boxes)) if scores is None else np.argsort(scores, kind="stable")
    least = np.broadcast_to(min_score if np.ndim(min_score) == 0 else np.asarray(min_score)[labels], labels.shape)
    shown = [i for i in order if np.isfinite(boxes[i]).all() and (scores is None or scores[i] >= least[i])]
    places, colours = [_pixels(boxes[i], canvas.shape) for i in shown], [colour(labels[i]) for i in shown]
    for (first, last), bgr in zip(places, colours, strict=True):
        cv2.rectangle(canvas, first, last, bgr, _line_width(canvas.shape))
    texts = [(_name(labels[i], names), "" if scores is None else f" {scores[i]:.2f}") for i in shown]
    return _write(canvas, texts, [first for first, _ in places], colours)


def outlines(image: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Image with thin boxes [n, 4], also those that reach beyond it, in the colours of their classes -> a new one."""
    canvas = np.ascontiguousarray(image).copy()
    for box, label in zip(np.asarray(boxes).reshape(-1, 4), labels, strict=True):
        x1, y1, x2, y2 = (round(float(v)) for v in box)
        cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), colour(label), 1)
    return canvas


def _pixels(box: np.ndarray, shape: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last pixel that an edge box covers, inside the image."""
    limit = (shape[1] - 1, shape[0] - 1)
    first = [int(np.clip(np.floor(v), 0, m)) for v, m in zip(box[:2], limit, strict=True)]
    last = [int(np.clip(np.ceil(v) - 1, f, m)) for v, f, m in zip(box[2:], first, limit, strict=True)]
    return (first[0], first[1]), (last[0], last[1])


def _line_width(shape: tuple[int, ...]) -> int:
    return max(1, round(max(shape[:2]) / 320))


def _name(label: int, names: Sequence[str] | None) -> str:
    if names is None or not 0 <= label < len(names):
        return str(label)
    name = printable(" ".join(str(names[label]).split()))
    return name if text.drawable(name) else _number(label, name)


@cache
def _number(label: int, name: str) -> str:
    """The number that stands for a class whose name no font has, which is said once."""
    log.warning("no font here has the letters of a class name, so that its number is drawn: %d = %s", label, name)
    return str(label)


def _write(canvas: np.ndarray, texts: list[tuple[str, str]], corners: list, colours: list) -> np.ndarray:
    """Labels (name, score) on filled boxes, above their box where there is room, never beyond the image's edge."""
    from PIL import Image, ImageDraw  # it comes with matplotlib

    image = Image.fromarray(canvas[..., ::-1])
    pen, size = ImageDraw.Draw(image), max(10, round(max(canvas.shape[:2]) / 45))
    room_y, room_x = canvas.shape[:2]
    for (name, score), (x, y), bgr in zip(texts, corners, colours, strict=True):
        font = text.font(name + score, size)
        height = sum(font.getmetrics()) + 1
        words = text.shortened(name, score, room_x - 4, font)
        width = round(font.getlength(words)) + 4
        x = max(0, min(x, room_x - width))
        y = y - height if y >= height else min(y, max(0, room_y - height))
        pen.rectangle((x, y, x + width - 1, y + height - 1), fill=bgr[::-1])
        ink = (0, 0, 0) if np.dot(bgr, (0.114, 0.587, 0.299)) > 95 else (255, 255, 255)
        pen.text((x + 2, y), words, fill=ink, font=font)
    return np.ascontiguousarray(np.asarray(image)[..., ::-1])
