"""The list of images of a page: what it holds, that names stay names, and what a reader can do with it."""

import json
import re
from html import unescape

import cv2
import numpy as np
import pytest

from cornernet.drawing import gallery, page, script, verdicts
from cornernet.drawing.gallery import Card, Mark, Order, Pane
from cornernet.system.printing import printable

EVIL = "</title><script>document.title='taken'</script>\"'\u202e\u0000\ud83d"
ORDERS = (Order("worst", "f1"), Order("as in the set", "place"))


def card(name: str, f1: float, place: int, *marks: Mark, panes: int = 1) -> Card:
    picture = gallery.shrunk(np.full((60, 80, 3), 90, np.uint8), 3)
    return Card(name, picture, [Pane(marks, f"run {k}" if panes > 1 else "") for k in range(panes)], "what came of it",
                {"f1": f1, "place": place})  # fmt: skip


def mark(kind: str, label: int, text: str = "cat 0.50") -> Mark:
    return Mark(kind, (1, 2.25, 30, 20), text, (label,))


CARDS = [
    card("b.png", 0.2, 0, mark("missed", 0), mark("wrong", 1)),
    card("a.png", 0.1, 1, mark("right", 0)),
    card("c.png", 0.9, 2, mark("missed", 1)),
]


@pytest.mark.parametrize(("count", "side"), [(0, 720), (1, 720), (1000, 447), (5000, 200), (10**6, 160)])
def test_images_shrink_as_they_become_many(count, side):
    assert gallery.side(count) == side


def test_a_picture_keeps_its_size_in_pixels_and_is_never_enlarged():
    large, small = (np.zeros((2 * n, n, 3), np.uint8) for n in (800, 10))
    for image, shape in ((large, (720, 360, 3)), (small, (20, 10, 3))):
        found = gallery.shrunk(image, 1)
        assert found.size == image.shape[1::-1]
        assert cv2.imdecode(np.frombuffer(found.file, np.uint8), cv2.IMREAD_COLOR).shape == shape


def data(text: str) -> list[dict]:
    """What a page tells its script."""
    return json.loads(re.search('<script type="application/json" id="shots">(.*?)</script>', text, re.DOTALL)[1])


def test_boxes_stand_in_the_units_of_the_image_what_matters_most_drawn_last():
    (told,) = data(gallery.html([CARDS[0]], ["cat", "dog"], ORDERS))
    boxes = [[kind, 1.0, 2.2, 30.0, 20.0, "cat 0.50", [label]] for kind, label in (("w", 1), ("m", 0))]
    assert told.pop("panes") == [["", boxes]] and told.pop("file")
    assert told == {"name": "b.png", "size": [80, 60], "caption": "what came of it", "f1": 0.2, "place": 0}


def test_boxes_beyond_the_bound_are_counted(monkeypatch):
    monkeypatch.setattr(gallery, "FEWEST", 2)
    monkeypatch.setattr(gallery, "BOXES", 2)
    (told,) = data(gallery.html([card("a", 1, 0, *[mark("right", 0)] * 5)], ["cat"], ORDERS))
    assert len(told["panes"][0][1]) == 2 and told["caption"].endswith("; 3 more boxes are not drawn")


def test_no_image_has_more_boxes_than_a_browser_bears():
    (told,) = data(gallery.html([card("a", 1, 0, *[mark("right", 0)] * (gallery.MOST + 2))], ["cat"], ORDERS))
    assert len(told["panes"][0][1]) == gallery.MOST and told["caption"].endswith("; 2 more boxes are not drawn")


def test_a_box_of_negative_size_has_none():
    (told,) = data(gallery.html([card("a", 1, 0, mark("wrong", 0)._replace(box=(9, 8, -3, -2)))], ["cat"], ORDERS))
    assert told["panes"][0][1][0][1:5] == [9, 8, 0, 0]


def test_every_kind_has_a_colour_and_a_dash_of_its_own():
    looks = [(kind.dash, kind.colour) for kind in verdicts.KINDS.values()]
    assert len({colour for _, colour in looks}) == len({name[0] for name in verdicts.KINDS}) == len(looks)
    judged = [kind.dash for name, kind in verdicts.KINDS.items() if name != "annotated"]
    assert len(set(judged)) == len(judged)  # told apart without colours too


def test_names_are_text_and_nothing_else():
    text = gallery.html([card(EVIL, 0, 0, mark("wrong", 0, EVIL), panes=2)], [EVIL], ORDERS)
    assert text.isascii() and text.count("<script") == text.count("</script") == 1 and "</title" not in text
    (told,) = data(text)
    assert told["name"] == told["panes"][0][1][0][5] == printable(EVIL) and "shots wide" in text


def document(cards) -> bytes:
    """A page whose title says, after a script did something, what came of it."""
    parts = [page.Section("images", "Images", gallery.html(cards, ["cat", EVIL], ORDERS))]
    return page.document("before", "", parts, "", script.GALLERY).encode("utf-8", "replace")


PRELUDE = """
const put = (name, value) => { field[name].value = value;
  field[name].dispatchEvent(new Event("input", {bubbles: true})); };
const names = () => [...list.querySelectorAll("bdi")].map(x => x.textContent).join(" ");
const press = key => zoom.dispatchEvent(new KeyboardEvent("keydown", {key}));
const seen = () => zoom.querySelector("p").textContent.slice(0, 1);
const found = ACTS.map(act => { form.reset(); show(); if (zoom.open) zoom.close(); return act(); });
document.title = JSON.stringify(found);
"""
DONE = {
    "names()": "a.png b.png c.png",
    "put('order', 'place 1'), names()": "b.png a.png c.png",
    "put('kind', 'm'), names()": "b.png c.png",
    "put('kind', 'm'), put('label', '1'), names()": "c.png",
    "put('label', '1'), names()": "b.png c.png",
    "put('low', '0.2'), names()": "b.png c.png",
    "put('high', '0.5'), names()": "a.png b.png",
    "put('search', 'C.P'), names() + form.querySelector('output').value": "c.png1 of 3 images",
    "open(1), seen() + zoom.open + zoom.querySelectorAll('text').length": "btrue2",
    "list.children[1].querySelector('button').click(), seen()": "b",
    "open(1), press('ArrowRight'), seen()": "c",
    "open(1), press('ArrowRight'), press('ArrowRight'), seen()": "a",
    "put('kind', 'm'), open(0), press('ArrowLeft'), seen()": "c",
    "open(1), zoom.querySelector('[name=close]').click(), String(zoom.open)": "false",
    "field.draw[0].click(), list.className": "shots no-a no-r",
}


def test_what_a_reader_can_do(browser, tmp_path, monkeypatch):
    acts = ", ".join(f"() => ({act})" for act in DONE)
    monkeypatch.setattr(script, "GALLERY", script.GALLERY + PRELUDE.replace("ACTS", f"[{acts}]"))
    (tmp_path / "list.html").write_bytes(document(CARDS))
    run = browser(tmp_path / "list.html", "--dump-dom")
    found = json.loads(unescape(re.search("<title>(.*?)</title>", run.stdout)[1]))
    assert dict(zip(DONE, found, strict=True)) == DONE and "CONSOLE" not in run.stderr


def test_evil_names_in_a_browser(browser, tmp_path):
    (tmp_path / "evil.html").write_bytes(document([card(EVIL, 0, 0, mark("wrong", 1, EVIL), panes=2)]))
    run = browser(tmp_path / "evil.html", "--dump-dom")
    assert "<title>before</title>" in run.stdout and "CONSOLE" not in run.stderr
