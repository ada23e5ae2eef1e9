"""The page in a browser: what it says, asks for and shows, what keys do, and how large that of many images is."""

import json
import shutil
import time

import cv2
import numpy as np
import pytest

from cornernet.drawing import gallery, script
from cornernet.drawing import page as pages
from tests.driving import CONTRAST, IMAGES


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light")])
def test_nothing_is_said_asked_for_broken_faint_or_too_wide(driver, source, written, tmp_path, width, scheme):
    folder, _ = written(source(10, 20, 6))
    (tmp_path / "alone").mkdir()
    page = tmp_path / "alone" / "index.html"  # without the plots beside it
    shutil.copy(folder / "index.html", page)
    driver.said.clear(), driver.asked.clear()
    driver.open(page, width, scheme)
    assert driver.value(IMAGES) == [] and driver.value("document.images.length") == 26
    assert driver.value(CONTRAST) == []
    assert driver.value("document.documentElement.scrollWidth") <= width
    assert driver.said == [] and [url for url in driver.asked if not url.startswith(("data:", "file:"))] == []
    assert len([url for url in driver.asked if url.startswith("file:")]) == 1


def test_it_says_what_is_wrong_with_a_page(driver, tmp_path):
    """The test of the tests above."""
    page = tmp_path / "broken.html"
    page.write_text('<body style="color: #888"><img alt="x" src="data:image/png;base64,AAAA"><img src="http://127.0.0.1:9">'
                    "faint<script>console.error('oh')</script>")  # fmt: skip
    driver.said.clear(), driver.asked.clear()
    driver.open(page)
    assert driver.value(IMAGES) == ["x", "an image"] and driver.value(CONTRAST) == [] and driver.said
    assert any(url.startswith("http:") for url in driver.asked)
    driver.value("document.body.innerHTML = '<p>faint</p>'")
    assert driver.value(CONTRAST) == ["P faint: 3.54"]


def test_an_image_is_enlarged_turned_and_closed_by_keys(driver, source, written):
    folder, _ = written(source(2, 5, 3))
    driver.open(folder / "index.html")
    focus = 'document.activeElement.closest("figure")?.querySelector("bdi").textContent'
    names = driver.value('[...document.querySelectorAll(".shots bdi")].map(x => x.textContent)')
    shown = 'document.querySelector("dialog").open && document.querySelector("dialog p").textContent.split(" ")[0]'
    driver.value('document.querySelector(".shots button").focus()')
    driver.press("Tab")
    assert driver.value(focus) == names[1] and driver.value(shown) is False
    driver.press("Enter")
    assert driver.value(shown) == names[1]
    driver.press("ArrowRight")
    assert driver.value(shown) == names[2]
    labels = """document.querySelectorAll("dialog text").length
      === document.querySelectorAll("dialog rect:not(.a)").length"""
    assert driver.value(labels) and driver.value(CONTRAST) == []
    driver.press("Escape")
    driver.value("new Promise(done => setTimeout(done, 100))")  # the focus comes back after the dialog is closed
    assert driver.value(shown) is False and driver.value(focus) == names[2]


def test_a_crowded_image_is_enlarged_with_the_names_that_have_room(driver, tmp_path):
    marks = [gallery.Mark("wrong", (k % 40, k // 40, 9, 9), "cell", (0,)) for k in range(1500)]
    first = [gallery.Mark("missed", (20, 20, 9, 9), "first", (0,)), gallery.Mark("annotated", (20, 20, 9, 9), "", (0,))]
    shot = gallery.shrunk(np.zeros((60, 80, 3), np.uint8), 1)
    cards = [gallery.Card("a.png", shot, [gallery.Pane([*first, *marks])], "", {"f1": 0.5})]
    html = gallery.html(cards, ["cell"], [gallery.Order("F1", "f1")])
    document = pages.document("a", "b", [pages.Section("images", "Images", html)], "c", script.GALLERY)
    (tmp_path / "index.html").write_text(document)
    driver.open(tmp_path / "index.html")
    driver.value('document.querySelector(".shots button").click()')
    written = driver.value('[...document.querySelectorAll("dialog text")].map(x => x.textContent)')
    assert written[0] == "first" and 10 < len(written) < 1000
    driver.value('field.high.value = "", show()')
    assert driver.value("list.children.length") == 1  # no bound lets all through


@pytest.mark.slow
def test_the_page_of_5000_images_is_small_and_opens_soon(driver, source, written):
    one = source(80, 5000, 12)
    rng = np.random.default_rng(1)
    photographs = [cv2.GaussianBlur(rng.integers(0, 256, (480, 640, 3), np.uint8), (0, 0), 1.6) for _ in range(9)]
    photographs = [cv2.normalize(x, None, 0, 255, cv2.NORM_MINMAX) for x in photographs]
    start = time.process_time()
    photographs = [gallery.shrunk(x, 5000) for x in photographs]
    shrunk = time.process_time()
    pictures = {i: photographs[i % 9]._replace(size=(120, 120)) for i in range(5000)}
    folder, _ = written(one, pictures=pictures)
    written_at = time.process_time()
    page = folder / "index.html"
    driver.said.clear()
    driver.call("Performance.enable", timeDomain="threadTicks")  # of the processor, however busy the machine is
    took = {"shrinking one": (shrunk - start) / 9, "scoring and writing": written_at - shrunk}
    took |= {"bytes": page.stat().st_size, "load": driver.open(page), "open": busy(driver)}
    driver.value("field.kind.value = 'm', show(), list.offsetHeight")
    print(json.dumps(took | {"filter": busy(driver) - took["open"]}))
    assert not driver.said and driver.value("list.children.length") == 60
    assert took["bytes"] < 60e6 and took["open"] < 3


def busy(driver) -> float:
    """Seconds that the page has kept the processor busy."""
    return {x["name"]: x["value"] for x in driver.call("Performance.getMetrics")["metrics"]}["TaskDuration"]
