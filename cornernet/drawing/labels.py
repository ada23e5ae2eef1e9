"""Names and scores beside boxes: what they say, where they fit, and which of them are left out."""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import numpy as np

from cornernet.drawing import text
from cornernet.system.printing import printable

log = logging.getLogger("cornernet")
Labels = Literal["auto", "all", "none"]  # auto: those that hide no other label and no more than HIDDEN of a box
Words = tuple[str, str]  # name and score
MARK = "\N{BALLOT X}"  # before the name of a missed object or a wrong detection
SHARE, HIDDEN = 0.15, 0.25  # of the image that labels cover, down to SMALLEST; of any box that one label covers
SMALLEST = 10  # pixels, size of the letters


def text_of(label: int, names: Sequence[str] | None, score: float | None, wrong: bool = False) -> Words:
    """Name of a class, of which only what a font can write, and score as they are drawn."""
    mark = f"{MARK} " if wrong else ""
    return mark + _name(label, names), "" if score is None else f" {score:.2f}"


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


def write(canvas: np.ndarray, words: Sequence[Words], boxes: Sequence, colours: Sequence, which: Labels) -> np.ndarray:
    """Image with labels on filled grounds, the first having the choice of places, never beyond the image's edge.

    boxes: first and last pixel (x, y) of each; colours: BGR of their grounds.
    """
    if which == "none" or not words:
        return canvas
    from PIL import Image, ImageDraw  # it comes with matplotlib

    image, size = Image.fromarray(canvas[..., ::-1]), _size(words, canvas.shape)
    pen, fonts = ImageDraw.Draw(image), [text.font(name + score, size) for name, score in words]
    lines = [
        text.shortened(name, score, canvas.shape[1] - 4, font) for (name, score), font in zip(words, fonts, strict=True)
    ]
    sizes = [_ground(line, font) for line, font in zip(lines, fonts, strict=True)]
    places = placed(sizes, np.array(boxes).reshape(-1, 4), canvas.shape, every=which == "all")
    for line, font, (width, height), place, bgr in reversed(
        list(zip(lines, fonts, sizes, places, colours, strict=True))
    ):
        if place is not None:
            x, y = place
            pen.rectangle((x, y, x + width - 1, y + height - 1), fill=bgr[::-1])
            ink = (0, 0, 0) if np.dot(bgr, (0.114, 0.587, 0.299)) > 95 else (255, 255, 255)
            pen.text((x + 2, y), line, fill=ink, font=font)
    return np.ascontiguousarray(np.asarray(image)[..., ::-1])


def placed(
    sizes: Sequence[tuple[int, int]], boxes: np.ndarray, shape: tuple[int, ...], every: bool
) -> list[tuple[int, int] | None]:
    """(width, height) of labels and their boxes [n, 4], first and last pixels -> place (x, y) of each.

    Above its box, below, inside or to the right: where it hides no label placed before and no more than HIDDEN of a
    box, and least of its own. Where no place does: the one that hides least with `every`, else None.
    """
    taken = np.zeros((0, 4), np.int64)
    found: list[tuple[int, int] | None] = []
    boxes = np.concatenate([boxes[:, :2], boxes[:, 2:] + 1], 1)
    for size, box in zip(sizes, boxes, strict=True):
        tried = _candidates(size, box, shape)
        hidden = _covered(tried, taken) + np.maximum(_covered(tried, boxes) - HIDDEN, 0)
        best = int((hidden + 1e-3 * _covered(tried, box[None])).argmin())  # the first of equal ones
        if hidden[best] > 0 and not every:
            found.append(None)
            continue
        found.append((int(tried[best, 0]), int(tried[best, 1])))
        taken = np.concatenate([taken, tried[best : best + 1]])
    return found


def _candidates(size: tuple[int, int], box: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Places of a label of (width, height), xyxy [4, 4], all inside the image."""
    (width, height), (x1, y1, x2, y2) = size, box
    right = x2 if x2 + width <= shape[1] else x1
    corners = np.array([(x1, y1 - height), (x1, y2), (x1, y1), (right, y1)])
    corners = corners.clip(0, np.maximum(0, (shape[1] - width, shape[0] - height)))
    return np.concatenate([corners, np.add(corners, (width, height))], 1)


def _covered(tried: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Rectangles [t, 4] and others [n, 4] -> the largest share of any of the others that each covers, [t]."""
    shared = np.minimum(tried[:, None, 2:], others[:, 2:]) - np.maximum(tried[:, None, :2], others[:, :2])
    areas = (others[:, 2:] - others[:, :2]).prod(1)
    return (shared.clip(0).prod(2) / areas).max(1, initial=0)


def _size(words: Sequence[Words], shape: tuple[int, ...]) -> int:
    """Size of the letters: by the image's, less where all labels together would cover more than SHARE of it."""
    area = shape[0] * shape[1]
    usual = max(SMALLEST, round(area**0.5 / 40))
    covered = sum(np.prod(_ground(name + score, text.font(name + score, usual))) for name, score in words)
    return max(SMALLEST, min(usual, int(usual * (SHARE * area / covered) ** 0.5)))


def _ground(line: str, font: Any) -> tuple[int, int]:
    """Width and height of what lies behind a text."""
    return round(font.getlength(line)) + 4, sum(font.getmetrics()) + 1
