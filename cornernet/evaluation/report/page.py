"""The HTML of the report: pieces of text in, one page out. Everything that comes from the data is escaped."""

import base64
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import cv2
import numpy as np

from cornernet.evaluation.metrics import FIGURES, Metrics
from cornernet.evaluation.report.examples import Example
from cornernet.evaluation.report.style import CSS
from cornernet.system.wording import counted

DENSITY = 1.3  # pixels of a plot to one of the page, so that it is sharp on fine screens
QUALITY = 85  # of the photographs
LONG = 20  # rows, beyond which a table scrolls by itself
COLUMNS = {"t": ' class="text"', "k": ' class="key"', "n": ""}
CARDS = ("AP", "AP50", "AP75", "AR100")
# Nothing is fetched and no script runs, whatever a class is called.
FOOTER = """Written by the CornerNet toolkit. The figures are those of metrics.json; the images lie beside this page
as PNG files."""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Image(NamedTuple):
    """An image as it stands in the page."""

    data: bytes  # PNG or JPEG file
    width: int  # CSS pixels that it takes where there is room
    alt: str
    caption: str = ""  # HTML


class Section(NamedTuple):
    """A headline with what stands under it."""

    key: str  # of the link
    title: str
    html: str


def document(title: str, subtitle: str, sections: Sequence[Section], footer: str = FOOTER) -> str:
    """Title, subtitle and footer as text, sections -> a complete HTML document."""
    links = "".join(f'<a href="#{section.key}">{section.title}</a>' for section in sections)
    body = "\n".join(f'<section id="{s.key}"><h2>{s.title}</h2>\n{s.html}\n</section>' for s in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{text(title)}</title>
<style>{CSS}</style>
</head>
<body>
<header><h1>{text(title)}</h1><div class="quiet">{text(subtitle)}</div><nav aria-label="Sections">{links}</nav></header>
<main>
{body}
</main>
<footer>{text(footer)}</footer>
</body>
</html>
"""


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


def figures(metrics: Metrics) -> str:
    """Cards of the most read figures, and all of them as a table."""
    cards = "".join(
        f'<div class="card"><span>{metrics.title(key)}</span><b>{number(getattr(metrics, key))}</b>'
        f"<span>{text(FIGURES[key].rpartition(', all sizes')[0])}</span></div>"
        for key in CARDS
    )
    rows = [
        (text(metrics.title(each.name)), number(each.value, each.text), text(each.meaning)) for each in metrics.rows()
    ]
    return f'<div class="cards">{cards}</div>{table(("figure", "value", "measured at"), rows, "knt")}'


def classes(metrics: Metrics) -> str:
    """One row a class: number, name, objects, detections, AP with a bar, AP50."""
    rows = [
        (str(k), name(c.name), str(c.objects), str(c.detections), _bar(c.AP) + number(c.AP), number(c.AP50))
        for k, c in enumerate(metrics.per_class, 1)
    ]
    shown = metrics.title("AP"), metrics.title("AP50")
    return table(("no.", "class", "objects", "detections", *shown), rows, "ntnnnn")


def _bar(value: float) -> str:
    return f'<span class="bar"><i style="width:{max(0, value):.1%}"></i></span>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> str:
    """Headlines as text and cells as HTML; sides: t for a column of text, k for one of short names, n for numbers."""
    look = [COLUMNS[side] for side in sides]
    head = "".join(f'<th scope="col"{kind}>{text(cell)}</th>' for cell, kind in zip(heads, look, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, look, strict=True)) + "</tr>\n"
        for row in rows
    )
    frame = 'class="scroll long" tabindex="0"' if len(rows) > LONG else 'class="scroll"'
    return f"<div {frame}><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>"


def plot(png: bytes, alt: str, caption: str = "") -> str:
    """A plot, all of the same scale, with what to know of it (HTML)."""
    return _figure(Image(png, round(int.from_bytes(png[16:20], "big") / DENSITY), alt, caption), "plot")


def photograph(drawing: np.ndarray, alt: str, caption: str) -> str:
    """An image [h, w, 3] uint8 BGR, as JPEG, with its caption (HTML)."""
    data = cv2.imencode(".jpg", drawing, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    return _figure(Image(data, drawing.shape[1], alt, caption), "photograph")


def described(found: Example) -> str:
    """Caption of an image: its name, and what was found."""
    right, wrong, missed = found.tally
    counts = f"{right} of {counted(right + missed, 'object')} found, {counted(wrong, 'wrong detection')}"
    return f"<b>{name(found.name)}</b> F1 {found.tally.f1:.2f}: {counts}"


def listed(items: Sequence[str]) -> str:
    """Texts as a list."""
    return "<ul>" + "".join(f"<li>{text(item)}</li>" for item in items) + "</ul>"


def _figure(image: Image, kind: str) -> str:
    form = "png" if image.data.startswith(b"\x89PNG") else "jpeg"
    data = base64.b64encode(image.data).decode()
    caption = f"<figcaption>{image.caption}</figcaption>" if image.caption else ""
    return (
        f'<figure class="{kind}"><img alt="{text(image.alt)}" width="{image.width}" '
        f'src="data:image/{form};base64,{data}">{caption}</figure>\n'
    )
