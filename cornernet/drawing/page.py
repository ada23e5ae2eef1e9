"""A page of HTML that needs nothing from outside: pieces of text in, one file out. What comes from data is escaped."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

import cv2
import numpy as np

from cornernet.drawing import style, verdicts

DENSITY = 1.3  # pixels of a plot to one of the page, so that it is sharp on fine screens
POINT = 100 / 72  # pixels of the page to a point of a plot as SVG, the same scale
PNG, WIDTH = b"\x89PNG", re.compile(rb'<svg [^>]*width="([\d.]+)pt"')
QUALITY = 85  # of the photographs
LONG = 20  # rows, beyond which a table scrolls by itself
COLUMNS = {"t": ' class="text"', "k": ' class="key"', "n": ""}
# Nothing is fetched and no script runs but the page's own, whatever a class is called.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Image(NamedTuple):
    """An image as it stands in the page."""

    data: bytes  # PNG, JPEG or SVG file
    width: int  # CSS pixels that it takes where there is room
    alt: str
    caption: str = ""  # HTML


class Section(NamedTuple):
    """A headline with what stands under it."""

    key: str  # of the link
    title: str
    html: str


def document(title: str, subtitle: str, sections: Sequence[Section], footer: str, script: str = "") -> str:
    """Title, subtitle and footer as text, sections -> a complete HTML document; script: the one that may run."""
    links = "".join(f'<a href="#{section.key}">{section.title}</a>' for section in sections)
    body = "\n".join(f'<section id="{s.key}"><h2>{s.title}</h2>\n{s.html}\n</section>' for s in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{text(title)}</title>
<style>{style.CSS}{verdicts.CSS}</style>
</head>
<body>
<header><h1>{text(title)}</h1><div class="quiet">{text(subtitle)}</div><nav aria-label="Sections">{links}</nav></header>
<main>
{body}
</main>
<footer>{text(footer)}</footer>
{f"<script>{script}</script>" if script else ""}
</body>
</html>
"""


def _policy(script: str) -> str:
    """The policy of a page, with its script named by what it says."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return POLICY + (f"; script-src 'sha256-{digest}'" if script else "")


def text(value: object) -> str:
    """Any text, escaped for HTML."""
    return escape(str(value), quote=True)


def name(value: str) -> str:
    """A class or file name, kept from turning the direction of the text around it."""
    return f"<bdi>{text(value)}</bdi>"


def number(value: float, words: str = "") -> str:
    """A figure in its words, or to three digits, with all of them for whoever reads the page by program."""
    return f'<data value="{value!r}">{text(words) if words and value >= 0 else rounded(value)}</data>'


def rounded(value: float) -> str:
    """A figure in [0, 1] to three digits, a dash for the -1 that stands for nothing to measure."""
    return "\N{EN DASH}" if value < 0 else f"{value:.3f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], sides: Sequence[str], sortable: bool = False) -> str:
    """Headlines as text and cells as HTML; sides: t for a column of text, k for one of short names, n for numbers.

    sortable: the heads are buttons, for the page's script.
    """
    look = [COLUMNS[side] for side in sides]
    button = '<button type="button">{}</button>' if sortable else "{}"
    head = "".join(
        f'<th scope="col"{kind}>{button.format(text(cell))}</th>' for cell, kind in zip(heads, look, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, look, strict=True)) + "</tr>\n"
        for row in rows
    )
    kinds = " ".join(kind for kind, so in (("scroll", True), ("long", len(rows) > LONG), ("wide", sortable)) if so)
    frame = f'class="{kinds}"' + (' tabindex="0"' if len(rows) > LONG else "")
    return f"<div {frame}><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>"


def plot(file: bytes, alt: str, caption: str = "") -> str:
    """A plot, PNG or SVG, all of the same scale, with what to know of it (HTML)."""
    points = WIDTH.search(file[:1000])
    width = float(points[1]) * POINT if points else int.from_bytes(file[16:20], "big") / DENSITY
    return _figure(Image(file, round(width), alt, caption), "plot")


def swatch(colour: str) -> str:
    """A spot of a colour, #rrggbb."""
    return f'<i class="swatch" style="background: {colour}"></i>'


def photograph(drawing: np.ndarray, alt: str, caption: str) -> str:
    """An image [h, w, 3] uint8 BGR, as JPEG, with its caption (HTML)."""
    data = cv2.imencode(".jpg", drawing, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    return _figure(Image(data, drawing.shape[1], alt, caption), "photograph")


def listed(items: Iterable[str]) -> str:
    """Texts as a list."""
    return "<ul>" + "".join(f"<li>{text(item)}</li>" for item in items) + "</ul>"


def _figure(image: Image, kind: str) -> str:
    form = "png" if image.data.startswith(PNG) else "svg+xml" if WIDTH.search(image.data[:1000]) else "jpeg"
    data = base64.b64encode(image.data).decode()
    caption = f"<figcaption>{image.caption}</figcaption>" if image.caption else ""
    return (
        f'<figure class="{kind}"><img alt="{text(image.alt)}" width="{image.width}" '
        f'src="data:image/{form};base64,{data}">{caption}</figure>\n'
    )
