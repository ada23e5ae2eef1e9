"""One image of cards on a table: they differ in a small glyph at their centre alone, which no corner shows."""

from typing import NamedTuple

import cv2
import numpy as np

CLASSES = ("disc", "ring", "bar", "plus", "triangle", "dots")
SIZE = (480, 640)  # height and width of an image
SIDES, GLYPH = (60, 140), (14, 20)  # pixels, of a card's longer side, most of them small, and of its glyph
# of a circle of 180, standard deviation of a glyph's hue around its class's, which lie 30 apart: the hue is a hint that
# a corner can pick up from afar, the shape alone is sure
HUE_SPREAD = 16
FEWEST, MOST = 3, 8  # cards on an image
VISIBLE = 0.7  # least part of a card that the cards over it leave to be seen
TRIES = 40  # places tried for a card before it is left out
FRACTION_BITS = 4  # of the coordinates given to OpenCV
Box = tuple[int, int, int, int]  # x1, y1, x2, y2, edges


class Drawing(NamedTuple):
    """An image and its objects."""

    image: np.ndarray  # [480, 640, 3] uint8, BGR
    boxes: np.ndarray  # [n, 4] float32, edges around each card, what other cards hide included
    labels: np.ndarray  # [n] int64, index into CLASSES
    areas: np.ndarray  # [n] int64, pixels of each card that can be seen


class Card(NamedTuple):
    """One card in place."""

    corners: np.ndarray  # [4, 2] float64, pixels
    centre: np.ndarray  # [2] float64
    box: Box  # edges around it
    covers: np.ndarray  # [y2 - y1, x2 - x1] bool, its pixels within the box


def draw(rng: np.random.Generator) -> Drawing:
    """Generator -> Drawing; cards that find no room are left out."""
    image = texture(rng, SIZE, greyish(rng, 40, 110, 10), 15)
    top = np.full(SIZE, -1, np.int8)  # number of the card that is seen at every pixel
    cards: list[Card] = []
    labels = []
    for _ in range(int(rng.integers(FEWEST, MOST + 1))):
        card = _place(rng, top, cards)
        if card is None:
            continue
        labels.append(int(rng.integers(len(CLASSES))))
        _paint(rng, image, card)
        _paint_glyph(rng, image, card.centre, CLASSES[labels[-1]])
        _within(top, card.box)[card.covers] = len(cards)
        cards.append(card)
    image += (grain(rng) - 127.5) * np.float32(rng.uniform(0.02, 0.05))
    boxes = np.array([card.box for card in cards], np.float32).reshape(-1, 4)
    areas = np.array([_seen(top, n, card) for n, card in enumerate(cards)], np.int64)
    return Drawing(np.clip(image, 0, 255).astype(np.uint8), boxes, np.array(labels, np.int64), areas)


def texture(rng: np.random.Generator, size: tuple[int, int], colour: np.ndarray, strength: float) -> np.ndarray:
    """Clouds and streaks around a colour, [*size, 3] float32, not clamped."""
    clouds = rng.uniform(-strength, strength, (6, 8, 3)) + rng.uniform(-strength, strength, (6, 8, 1))
    out = cv2.resize(clouds.astype(np.float32), size[::-1], interpolation=cv2.INTER_CUBIC)
    streaks = rng.uniform(-strength, strength, (1, size[1] // 4, 1)) / 3
    return out + cv2.resize(streaks.astype(np.float32), size[::-1])[..., None] + colour.astype(np.float32)


def grain(rng: np.random.Generator) -> np.ndarray:
    """Return [480, 640, 1] float32, evenly spread over 0 .. 255."""
    return np.frombuffer(rng.bytes(SIZE[0] * SIZE[1]), np.uint8).astype(np.float32).reshape(*SIZE, 1)


def _place(rng: np.random.Generator, top: np.ndarray, cards: list[Card]) -> Card | None:
    """Find room for one more card; None without."""
    for _ in range(TRIES):
        side, angle = SIDES[0] + (SIDES[1] - SIDES[0]) * rng.uniform() ** 3, rng.uniform(0, 2 * np.pi)
        half = np.array([side, side * rng.uniform(0.6, 1.0)]) / 2
        axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        reach = np.abs(axes.T) @ half + 1
        centre = rng.uniform(reach, np.array(SIZE[::-1]) - reach)
        corners = centre + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half @ axes
        if any(_distance(corners, other.centre) < GLYPH[1] * 0.75 for other in cards):  # it would hide a glyph
            continue
        card = _card(corners, centre)
        below = _within(top, card.box)[card.covers]
        if all(
            _seen(top, n, x) - np.count_nonzero(below == n) >= VISIBLE * x.covers.sum() for n, x in enumerate(cards)
        ):
            return card
    return None


def _card(corners: np.ndarray, centre: np.ndarray) -> Card:
    """Corners [4, 2] -> the card with its pixels."""
    covers = _filled(corners) >= 128
    box = _box(covers)
    return Card(corners, centre, box, _within(covers, box).copy())


def _seen(top: np.ndarray, number: int, card: Card) -> int:
    """Pixels of a card that no other hides."""
    return int(np.count_nonzero(_within(top, card.box) == number))


def _within(array: np.ndarray, box: Box) -> np.ndarray:
    """Return a view of the pixels of a box."""
    return array[box[1] : box[3], box[0] : box[2]]


def _distance(corners: np.ndarray, point: np.ndarray) -> float:
    """Pixels from a card to a point outside of it; negative inside."""
    return -cv2.pointPolygonTest(corners.astype(np.float32)[:, None], (float(point[0]), float(point[1])), True)


def _paint(rng: np.random.Generator, image: np.ndarray, card: Card) -> None:
    """Give a card its colour and its frame, in place; neither says anything of its class."""
    part = _within(image, card.box)
    part[card.covers] = texture(rng, card.covers.shape, greyish(rng, 225, 250, 4), 3)[card.covers]
    frame = np.zeros(SIZE, np.uint8)
    cv2.polylines(frame, [_fixed(card.corners)], True, 255, int(rng.integers(1, 4)), cv2.LINE_AA, FRACTION_BITS)
    part[(_within(frame, card.box) > 128) & card.covers] = rng.integers(0, 100, 3)


def _paint_glyph(rng: np.random.Generator, image: np.ndarray, centre: np.ndarray, name: str) -> None:
    """Draw the glyph of a class at the centre of a card, turned anyhow, in place."""
    turn = rng.uniform(0, 2 * np.pi)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    size = rng.uniform(*GLYPH)
    cover = np.zeros(SIZE, np.uint8)
    for points, value in outlines(name):
        cv2.fillPoly(cover, [_fixed(centre + points * size @ axes)], value, cv2.LINE_AA, FRACTION_BITS)
    box = _box(cover > 0)
    part = _within(image, box)
    part += (tint(rng, name) - part) * (_within(cover, box)[..., None] / np.float32(255))


def greyish(rng: np.random.Generator, low: int, high: int, apart: int) -> np.ndarray:
    """Colour [3] of a brightness in [low, high), its channels up to `apart` from it."""
    return rng.integers(low, high) + rng.integers(-apart, apart + 1, 3)


def tint(rng: np.random.Generator, name: str) -> np.ndarray:
    """Colour of a glyph [3] float32, BGR: bright and full, its hue hints at the class."""
    hue = (30 * CLASSES.index(name) + rng.normal(0, HUE_SPREAD)) % 180
    hsv = np.array([[[hue, 255, rng.uniform(190, 255)]]], np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)


def outlines(name: str) -> list[tuple[np.ndarray, int]]:
    """Class -> (corners, value) of what is filled in turn, around the origin, in parts of the glyph's size."""
    if name == "disc":
        return [(_circle(0.5), 255)]
    if name == "ring":
        return [(_circle(0.5), 255), (_circle(0.28), 0)]
    if name == "bar":
        return [(_rectangle(0.5, 0.15), 255)]
    if name == "plus":
        return [(_rectangle(0.5, 0.14), 255), (_rectangle(0.14, 0.5), 255)]
    if name == "triangle":
        return [(np.array([[0, -0.55], [0.5, 0.35], [-0.5, 0.35]]), 255)]
    aside = np.array([0.3, 0])
    return [(_circle(0.2) + aside, 255), (_circle(0.2) - aside, 255)]


def _circle(radius: float) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return radius * np.stack([np.cos(turn), np.sin(turn)], 1)


def _rectangle(half_width: float, half_height: float) -> np.ndarray:
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [half_width, half_height]


def _fixed(points: np.ndarray) -> np.ndarray:
    """Pixels, whose centres are at halves -> OpenCV's fixed point, whose pixels' centres are whole."""
    return np.round((points - 0.5) * 2**FRACTION_BITS).astype(np.int32)


def _filled(points: np.ndarray) -> np.ndarray:
    cover = np.zeros(SIZE, np.uint8)
    return cv2.fillPoly(cover, [_fixed(points)], 255, cv2.LINE_AA, FRACTION_BITS)


def _box(mask: np.ndarray) -> Box:
    """Mask with a pixel set -> (x1, y1, x2, y2), the edges around the set pixels."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
