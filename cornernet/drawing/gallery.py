"""A list of images on a page, whose boxes are drawn over them, sharp at any size: filtered, sorted and enlarged.

What a box is, right, wrong or missed, is told by colour and by dash. `html` is the door; the page that holds a gallery
has `script.GALLERY` as its script.
"""

import base64
import json
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from cornernet.drawing import page
from cornernet.drawing.panels import fitted
from cornernet.drawing.verdicts import HIDDEN, KINDS, Kind
from cornernet.system.printing import printable

PIXELS = 200e6  # of all images of a page together, so that 5000 take 30 to 50 MB
SMALLEST, LARGEST = 160, 720  # pixels, the longest side of an image
MANY = 1000  # images, beyond which they are compressed more
BOXES = 150_000  # of a page, at most
FEWEST, MOST = 30, 5000  # of an image that are drawn, however many images there are, and however few
ZOOM = f"""
<dialog class="{HIDDEN}" aria-label="Image, enlarged"><div class="tools">
<button type="button" value="-1">Previous</button>
<button type="button" value="1">Next</button>
<label><input type="checkbox" name="names" checked> names</label>
<button type="button" name="close">Close</button></div><div class="stage"></div><p></p></dialog>
"""


class Picture(NamedTuple):
    """An image as it lies in a page."""

    file: bytes  # JPEG; empty where the image could not be read
    size: tuple[int, int]  # width and height of the image itself, in pixels


class Mark(NamedTuple):
    """A box on an image."""

    kind: str  # of KINDS
    box: Sequence[float]  # x y width height, pixels of the image
    text: str  # class and score
    labels: tuple[int, ...]  # the classes it is about


class Pane(NamedTuple):
    """An image with its boxes, the ones that matter most first."""

    marks: Sequence[Mark]
    title: str = ""  # where a card has several


class Card(NamedTuple):
    """An image of the list, with one or more sets of boxes."""

    name: str
    picture: Picture
    panes: Sequence[Pane]
    caption: str
    keys: dict[str, float]  # by which the list is sorted; f1 is filtered too


class Order(NamedTuple):
    """A way to sort a list; the first one holds when the page opens."""

    title: str
    key: str
    descending: bool = False


def side(count: int) -> int:
    """Longest side in pixels that each of so many images has on a page."""
    return int(np.clip(np.sqrt(PIXELS / max(1, count)), SMALLEST, LARGEST))


def shrunk(image: np.ndarray, count: int) -> Picture:
    """Image [h, w, 3] uint8 BGR -> what it is as one of so many on a page; it is never enlarged."""
    height, width = image.shape[:2]
    if max(image.shape[:2]) > side(count):
        image, _ = fitted(image, side(count))
    quality = 60 if count > MANY else 85
    file = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    return Picture(file, (width, height))


def html(cards: Sequence[Card], names: Sequence[str], orders: Sequence[Order]) -> str:
    """Images in the order that equals keep, names of the classes, and ways to sort -> the list with its controls.

    The images lie in the page as data, of which the script makes elements as they come into sight.
    """
    wide = " wide" if any(len(card.panes) > 1 for card in cards) else ""
    most = min(MOST, max(FEWEST, BOXES // max(1, len(cards))))
    data = ",\n".join(_data(card, most) for card in cards)
    return f"""{_form(cards, names, orders)}<div class="shots{wide} {HIDDEN}"></div>
<button type="button" class="more" hidden>more</button><noscript>Without its script the page lists no images.</noscript>
<script type="application/json" id="shots">[{data}]</script>{ZOOM}"""


def _form(cards: Sequence[Card], names: Sequence[str], orders: Sequence[Order]) -> str:
    seen = {mark.kind for card in cards for pane in card.panes for mark in pane.marks}
    shown = {name: kind for name, kind in KINDS.items() if name in seen}
    kinds = _options([("any", ""), *((name, name[0]) for name in shown if name not in ("annotated", "ignored"))])
    classes = _options([("any", ""), *((name, str(k)) for k, name in enumerate(names))])
    sorts = _options([(x.title, f"{x.key} {-1 if x.descending else 1}") for x in orders])
    bound = '<input type="number" name="{}" value="{}" min="0" max="1" step="0.05">'
    legend = "".join(_switch(name, kind) for name, kind in shown.items())
    return f"""<form class="choose"><fieldset disabled>
<label>class <select name="label">{classes}</select></label> <label>with <select name="kind">{kinds}</select></label>
<label>F1 from {bound.format("low", 0)}</label> <label>to {bound.format("high", 1)}</label>
<label>sort <select name="order">{sorts}</select></label> <label>name <input type="search" name="search"></label>
<output>{len(cards)} images</output><div class="legend">{legend}</div></fieldset></form>
"""


def _options(pairs: Sequence[tuple[str, str]]) -> str:
    return "".join(f'<option value="{value}">{page.text(printable(title))}</option>' for title, value in pairs)


def _switch(name: str, kind: Kind) -> str:
    line = f'<rect class="{name[0]}" x="4" y="4" width="36" height="10"/>'
    line = f'<svg viewBox="0 0 44 18" aria-hidden="true">{line}</svg>'
    checked = " checked" if kind.drawn else ""
    box = f'<input type="checkbox" name="draw" value="{name[0]}"{checked}>'
    return f"<label>{box}{line}<b>{name}</b> {kind.meaning}</label>"


def _data(card: Card, most: int) -> str:
    """What the script is told of an image, in letters that end no element, whatever the names are."""
    left = sum(max(0, len(pane.marks) - most) for pane in card.panes)
    told = {
        "name": printable(card.name),
        "file": base64.b64encode(card.picture.file).decode(),
        "size": card.picture.size,
        "caption": card.caption + (f"; {left} more boxes are not drawn" if left else ""),
        "panes": [(printable(pane.title), [_box(x) for x in reversed(pane.marks[:most])]) for pane in card.panes],
        **card.keys,
    }
    return json.dumps(told, separators=(",", ":")).replace("<", "\\u003c")


def _box(mark: Mark) -> tuple:
    x, y, width, height = (round(float(value), 1) for value in mark.box)
    return mark.kind[0], x, y, max(0.0, width), max(0.0, height), printable(mark.text), mark.labels
