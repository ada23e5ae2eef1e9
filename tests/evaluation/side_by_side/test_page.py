"""The page of two runs: what it shows, what odd names do to it, and how it opens in a browser."""

import json
import re

import cv2
import numpy as np
import pytest

from cornernet.evaluation.side_by_side import compare, images
from tests.browsing import complaints, probed
from tests.evaluation.side_by_side.conftest import found

EVIL = "</title><script>document.title='taken'</script>\"'\u202e"


def worse(k, row):
    return found(row, 0.9 - k / 100) if k % 3 else found(row, 0.95, category_id=1 + row["category_id"] % 3)


def section(text: str, key: str) -> str:
    return re.search(rf'<section id="{key}">.*?</section>', text, re.DOTALL)[0]


@pytest.fixture
def page(run):
    """Page of two runs on shapes that differ in a loss and in a sampling rate."""
    return compare(run("one"), run("two", worse, "loss.heatmap.name=focal", "train.lr=0.5")).page


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
    assert ">train.lr<" in cells and "work_dir" not in cells and ">30<" in cells and ">7.0<" in cells
    assert section(text, "curves").count("<img ") == 3 and "The losses of the two differ" in section(text, "curves")
    assert section(text, "images").count("<figure ") == len(re.findall("data-apart", text)) > 1
    assert '<option value="apart -1">largest difference first' in text and 'class="c"' in section(text, "images")


def test_images_are_those_that_differ_most(run, monkeypatch):
    monkeypatch.setattr(images, "MOST", 2)
    text = compare(run("one"), run("two", worse)).page.read_text(encoding="utf-8")
    apart = [float(x) for x in re.findall(r'data-apart="([^"]+)"', text)]
    assert len(apart) == 2 and apart == sorted(apart, reverse=True) and "Shown are the 2 on which" in text


def test_two_that_find_the_same_differ_on_no_image(run):
    text = compare(run("one"), run("two")).page.read_text(encoding="utf-8")
    assert "on 5 they are equal" in text and "<figure data" not in text and "<dialog" not in text


def test_an_image_that_cannot_be_read_is_named_and_the_others_are_shown(evil, tmp_path):
    broken = tmp_path / "<b>0'.png"
    broken.write_bytes(broken.read_bytes()[:-30])
    text = compare(*sorted(path.parent for path in tmp_path.rglob("predictions.json"))).page.read_text(encoding="utf-8")
    assert text.count("<figure data") == 1 and "Why images are not shown" in text and "&lt;b&gt;0&#x27;.png" in text


def test_names_are_text(evil):
    text = evil.read_text(encoding="utf-8")
    assert text.count("<script") == 1 and "<b>0" not in text and "\u202e" not in re.findall(r'="[^"]*"', text)
    assert "sha256-" in text and "/" not in evil.parent.name


def test_it_opens_in_a_browser_without_a_complaint(page, evil, browser):
    for path in (page, evil):
        run = browser(path, "--dump-dom")
        assert not complaints(run.stderr) and "<title>taken" not in run.stdout and "<title>run<" not in run.stdout
        for width in (1200, 500):
            state = probed(browser, path, width)
            assert all(state["images"]) and state["wide"] <= state["view"]
            assert not [name for name in state["requests"] if not name.startswith("data:")]
