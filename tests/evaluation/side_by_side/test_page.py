"""The page of two runs: what it shows, what odd names do to it, and how it opens in a browser."""

import json
import re

import cv2
import numpy as np
import pytest

from cornernet.evaluation.side_by_side import compare, images
from tests.driving import CONTRAST, IMAGES
from tests.evaluation.side_by_side.conftest import found

EVIL = "</title><script>document.title='taken'</script>\"'\u202e"


def worse(k, row):
    return found(row, 0.9 - k / 100) if k % 3 else found(row, 0.95, category_id=1 + row["category_id"] % 3)


def section(text: str, key: str) -> str:
    return re.search(rf'<section id="{key}">.*?</section>', text, re.DOTALL)[0]


def listed(text: str) -> list[dict]:
    """The images of the list, as its script is told of them."""
    return json.loads(re.search(r'id="shots">(.*?)</script>', text, re.DOTALL)[1])


@pytest.fixture
def page(run):
    """Page of two runs on shapes that differ in a loss and in a learning rate."""
    changed = "loss.heatmap.name=focal", "train.lr=0.5", "data.root=/secret/of/mine"
    return compare(run("one"), run("two", worse, *changed)).page


@pytest.fixture
def evil(run, tmp_path):
    """Page of two runs with hostile names of runs, images and classes."""
    for i in range(2):
        cv2.imwrite(str(tmp_path / f"<b>{i}'.png"), np.full((60, 80, 3), 90, np.uint8))
    boxes = [{"image_id": i, "category_id": 1, "bbox": [9, 9, 30, 20], "id": i, "area": 600} for i in (0, 1)]
    listed = [{"id": i, "file_name": f"<b>{i}'.png", "width": 80, "height": 60} for i in (0, 1)]
    coco = {"images": listed, "annotations": boxes, "categories": [{"id": 1, "name": EVIL}]}
    (tmp_path / "val.json").write_text(json.dumps(coco))
    where = [f"data.{split}.{key}={path}" for split in ("train", "val")
             for key, path in (("images", tmp_path), ("annotations", tmp_path / "val.json"))]  # fmt: skip
    first = run("<script>document.title='run'<\\script>", lambda k, row: found(row), "data.name=coco", *where)
    return compare(first, run("b", lambda k, row: None, "data.name=coco", *where)).page


def test_it_shows_what_was_run_figures_classes_curves_and_images(page):
    text = page.read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)">', text) == ["figures", "run", "classes", "curves", "images"]
    cells = re.sub("</?bdi>", "", section(text, "run"))
    assert '>loss.heatmap.name</td><td class="text">neg</td><td class="text">focal<' in cells
    assert "\N{HORIZONTAL ELLIPSIS}/of/mine" in cells and "secret" not in text
    assert ">train.lr<" in cells and "work_dir" not in cells and ">30<" in cells and ">7.0<" in cells
    assert section(text, "curves").count("<img ") == 3 and "The losses of the two differ" in section(text, "curves")
    shots = listed(text)
    assert len(shots) > 1 and [title for title, _ in shots[0]["panes"]] == ["one", "two"]
    assert shots[0]["caption"].startswith("one F1 1.00: ") and "; two F1 0." in shots[0]["caption"]
    assert {box[0] for shot in shots for _, boxes in shot["panes"] for box in boxes} >= {"r", "c"}
    assert '<option value="apart -1">largest difference first' in text


def test_images_are_those_that_differ_most(run, monkeypatch):
    monkeypatch.setattr(images, "MOST", 2)
    text = compare(run("one"), run("two", worse)).page.read_text(encoding="utf-8")
    apart = [shot["apart"] for shot in listed(text)]
    assert len(apart) == 2 and apart == sorted(apart, reverse=True) and "Shown are the 2 on which" in text


def test_two_that_find_the_same_differ_on_no_image(run):
    text = compare(run("one"), run("two")).page.read_text(encoding="utf-8")
    assert "on 5 they are equal" in text and "<dialog" not in text and "showModal" not in text


def test_an_image_that_cannot_be_read_is_named_and_the_others_are_shown(evil, tmp_path):
    broken = tmp_path / "<b>0'.png"
    broken.write_bytes(broken.read_bytes()[:-30])
    text = compare(*sorted(path.parent for path in tmp_path.rglob("predictions.json"))).page.read_text(encoding="utf-8")
    assert (
        [shot["name"] for shot in listed(text)] == ["<b>1'.png"]
        and "Why images are not shown" in text
        and "&lt;b&gt;0&#x27;.png" in text
    )


def test_names_are_text(evil):
    text = evil.read_text(encoding="utf-8")
    assert text.count("<script") == 2 and "<b>0" not in text and "\u202e" not in re.findall(r'="[^"]*"', text)
    assert "sha256-" in text and "/" not in evil.parent.name


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light")])
def test_it_opens_in_a_browser_without_a_complaint(page, evil, run, driver, width, scheme):
    alike = compare(run("three"), run("four")).page
    for path in (page, evil, alike):
        driver.said.clear(), driver.asked.clear()
        driver.open(path, width, scheme)
        assert driver.value(IMAGES) == [] and driver.value(CONTRAST) == []
        assert driver.value("document.documentElement.scrollWidth") <= width
        assert driver.said == [] and [url for url in driver.asked if not url.startswith(("data:", "file:"))] == []
        assert driver.value("document.title") not in ("taken", "run")


def test_an_image_is_enlarged_with_both_sides(page, driver):
    driver.open(page)
    driver.value('document.querySelector(".shots button").focus()')
    driver.press("Enter")
    titles = '[...document.querySelectorAll("dialog em")].map(x => x.textContent).join(" ")'
    assert driver.value('document.querySelector("dialog").open') and driver.value(titles) == "one two"
    driver.press("Escape")
    first = 'document.querySelector("#figures tbody td").textContent'
    assert driver.value(first) == "AP"
    driver.value('document.querySelectorAll("#figures th button")[3].click()')  # by the difference
    assert driver.value(first) != "AP"
