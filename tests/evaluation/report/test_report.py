"""The page: its figures, its words, what it does with odd data, and how it opens in a browser."""

import json
import re
import shutil
import warnings
from html import unescape
from pathlib import Path

import cv2
import numpy as np
import pytest

from cornernet import config
from cornernet.drawing import boxes
from cornernet.drawing.charts import plain
from cornernet.evaluation import report, scoring
from cornernet.evaluation.measures import any_class, coco
from cornernet.evaluation.report.examples import COUNT, draw, ranked
from cornernet.evaluation.report.images import by_image
from cornernet.evaluation.report.labels import per_class
from cornernet.evaluation.report.matching import Tally, match, tally
from cornernet.evaluation.report.plots import precision_recall
from cornernet.evaluation.truth import from_coco, placed
from cornernet.prediction.found import from_results
from cornernet.training import engine
from tests.browsing import complaints, probed

PLOTS = {"precision_recall.png", "confusion.png", "sizes.png", "scores.png", "classes.png", "boxes.png"}


def paired(content: dict, results: list[dict]) -> list:
    truth = from_coco(content)
    return by_image(truth, placed(from_results(results), truth))


def html(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


def values(text: str) -> list[float]:
    return [float(value) for value in re.findall(r'<data value="([^"]+)"', text)]


def section(text: str, key: str) -> str:
    return re.search(rf'<section id="{key}">.*?</section>', text, re.DOTALL)[0]


# --- what the page says ---


def test_figures_equal_the_metrics(source, written):
    folder, score = written(source(3, 12, 5))
    cards, table = section(html(folder), "figures").split("<table>")
    figures = score.metrics.figures()
    assert values(table) == list(figures.values()) and len(figures) == 16
    assert values(cards) == [figures[name] for name in ("AP", "AP50", "AP75", "AR100")]
    classes = section(html(folder), "classes")
    assert values(classes) == [value for c in score.metrics.per_class for value in (c.AP, c.AP50)]
    rows = re.findall(r"<td>(\d+)</td><td>(\d+)</td><td><span", classes)
    assert rows == [(str(c.objects), str(c.detections)) for c in score.metrics.per_class]
    assert f"{score.metrics.images} images, {score.metrics.objects} objects" in html(folder)


def test_one_file_and_its_images(source, written):
    folder, _ = written(source(3, 20, 5))
    examples = {f"{kind}_{k}.png" for kind in ("best", "worst") for k in range(1, COUNT + 1)}
    assert {path.name for path in folder.iterdir()} == {"index.html", *PLOTS, *examples}
    for name in PLOTS | examples:
        assert cv2.imread(str(folder / name)) is not None
    text = html(folder)
    images = re.findall(r"<img ([^>]*)>", text)
    assert len(images) == len(PLOTS | examples)
    assert all(re.search(r'alt="[^"]{10,}"', image) and 'src="data:image/' in image for image in images)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text) and "url(" not in text and "@import" not in text
    written(source(3, 2, 5))  # an earlier report leaves nothing behind
    assert {p.name for p in folder.glob("*st_*.png")} == {"best_1.png", "worst_1.png"}


def test_names_are_escaped_and_shown(source, written):
    folder, _ = written(source(10, 12, 6), title="<img src=x onerror=alert(1)>")
    text = html(folder)
    assert "<script" not in text and "onerror=alert(1)>" not in text and "<b>0" not in text
    names = [unescape(name) for name in re.findall(r"<td class=\"text\"><bdi>(.*?)</bdi>", section(text, "classes"))]
    assert names == source(10, 1, 1).class_names
    assert "Plots give a class by its number" in text and "script-src" not in text and "default-src 'none'" in text


def test_a_name_that_no_encoding_takes(source, written):
    broken = source(2, 3, 3)
    broken.class_names[0] = "half \ud83d"
    folder, _ = written(broken)
    assert "half ?" in html(folder)


def test_names_in_plots():
    names = ["cat", "貓", "a\nb", " ", "x" * 40, "$x$", "_a", "Ωё"]
    assert plain(names) == ["cat", "no. 2", "a b", "no. 4", "x" * 21 + "…", "$x$", "_a", "Ωё"]


@pytest.mark.parametrize(
    ("classes", "images", "objects"), [(1, 3, 4), (80, 40, 8), (200, 40, 8), (3, 4, 0), (0, 0, 0), (1, 1, 1)]
)
def test_any_number_of_classes_and_objects(source, written, classes, images, objects):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph, an empty slice, a layout that does not fit
        folder, score = written(source(classes, images, objects))
    text = html(folder)
    assert len(text) < 5e6 and text.count("<img ") == len(list(folder.glob("*.png")))
    rest = f"The 20 classes with the most objects have a row; the {classes - 20} others are added up"
    assert (rest in text) == ("The 30 most frequent classes." in text) == (classes > 30)
    height, width, _ = cv2.imread(str(folder / "confusion.png")).shape
    assert max(height, width) < 2000  # the matrix stays of a size at which it can be read
    assert len(score.metrics.per_class) == classes


def test_no_detections(source, written):
    folder, score = written(source(3, 5, 4), results=[])
    assert score.metrics.AP == 0 and "The best F1" not in html(folder)
    captions = re.findall(r"F1 0\.00: 0 of \d objects? found, 0 wrong detections", html(folder))
    assert len(captions) == len({x["image_id"] for x in source(3, 5, 4).annotations}) > 0


def test_no_annotations(source, written):
    invented = [{"image_id": 1, "category_id": 3, "bbox": [1.0, 1, 5, 5], "score": 0.9}]
    folder, score = written(source(3, 5, 0), results=invented)
    assert score.metrics.AP == -1 and set(values(section(html(folder), "figures"))) == {-1}
    assert "0 of 0 objects found, 1 wrong detection<" in html(folder) and "5 of them without objects" in html(folder)


def test_crowds_are_told_apart(source, written):
    one = source(2, 6, 4)
    one.annotations[0]["iscrowd"] = 1
    folder, _ = written(one)
    assert f"{len(one.annotations) - 1} objects and 1 crowd," in section(html(folder), "labels")


# --- the images ---


def test_ranking():
    """F1: 1 of three objects, 0 with two errors, 1 of one object, nothing at all, 0 with one error, 0.5."""
    tallies = [Tally(3, 0, 0), Tally(0, 2, 0), Tally(1, 0, 0), Tally(0, 0, 0), Tally(0, 0, 1), Tally(1, 1, 1)]
    assert ranked(tallies) == ([0, 2, 5], [1, 4])
    assert ranked([]) == ([], []) and ranked([Tally(0, 0, 0)]) == ([], [])
    assert ranked([Tally(0, 1, 0)]) == ([0], [])
    assert ranked([Tally(1, 0, 0)] * 4) == ([0, 1], [2, 3])  # equals keep the order of the set


def test_only_the_shown_images_are_read(source, written):
    one = source(3, 60, 5)
    written(one)
    assert len(one.reads) == len(set(one.reads)) == 2 * COUNT


def test_an_unreadable_image_is_named_and_another_shown(source, written):
    one = source(3, 30, 5)
    each = paired(one.coco(), one.guesses())
    order = ranked([tally(image, match(image), 0.3) for image in each])
    one.broken = (order[0][0], order[1][COUNT - 1])  # the very best, and the last of the worst that are shown
    folder, _ = written(one)
    text = section(html(folder), "worst")
    assert re.findall(r"<li>(.*?)</li>", text) == [f"&lt;i&gt;{i}.png is cut short" for i in one.broken]
    assert len(list(folder.glob("best_*.png"))) == len(list(folder.glob("worst_*.png"))) == COUNT


def test_images_of_which_none_can_be_read(source):
    one = source(3, 60, 5, broken=tuple(range(60)))
    each = paired(one.coco(), one.guesses())
    drawn, unreadable = draw(one, each, [match(image) for image in each], range(60), ["a", "b", "c"], 0.3)
    assert drawn == [] and len(unreadable) == len(one.reads) == 4 * COUNT  # it does not try for ever


def test_truth_left_prediction_right_and_errors_marked(source, monkeypatch):
    one = source(2, 1, 0)
    one.annotations = [{"image_id": 0, "category_id": c, "bbox": b} for c, b in
                       ((3, [10, 10, 30, 30]), (3, [70, 70, 30, 30]))]  # fmt: skip
    found = [{"image_id": 0, "category_id": c, "bbox": b, "score": s} for c, b, s in
             ((3, [10, 10, 30, 30], 0.9), (13, [70, 70, 30, 30], 0.8), (3, [1, 1, 5, 5], 0.1))]  # fmt: skip
    each, written = paired(one.coco(), found), []
    write = boxes._write
    monkeypatch.setattr(boxes, "_write", lambda c, texts, *a: written.append(texts) or write(c, texts, *a))
    (example,), unreadable = draw(one, each, [match(each[0])], [0], ["cat", "dog"], 0.3)
    assert written == [[("cat", "")], [("✗ cat", "")], [("cat", " 0.90")], [("✗ dog", " 0.80")]] and not unreadable
    one.annotations.append({"image_id": 0, "category_id": 3, "bbox": [0, 0, 9, 9], "iscrowd": 1})
    each = paired(one.coco(), [found[2] | {"score": 0.7}])
    written.clear()
    draw(one, each, [match(each[0])], [0], ["cat", "dog"], 0.3)  # neither a crowd nor what was found in it is an error
    assert written == [[], [("✗ cat", "")] * 2, [("cat", " 0.70")], []]
    assert example.drawing.shape[:2] == (560, 560 * 2 + 4) and example.tally == Tally(1, 1, 1)
    left, right = example.drawing[:, :560], example.drawing[:, 564:]
    changed = np.argwhere((left != right).any(2))
    assert changed.min() > 20 and len(changed)  # both show the image, at the same place


# --- the plots, as far as numbers go ---


def test_curves_have_the_area_that_the_figures_give(source, monkeypatch):
    one = source(3, 20, 5)
    truth = from_coco(one.coco())
    score = scoring.score(truth, placed(from_results(one.guesses()), truth))
    drawn = []
    monkeypatch.setattr(report.plots, "_curve", lambda axes, line, label, **look: drawn.append((label, line)))
    precision_recall(score.precision, score.metrics, ["a", "b", "c"], [2, 0])
    means = {label: line.mean() for label, line in drawn}
    m = score.metrics
    assert list(means.values()) == pytest.approx([m.AP50, m.AP75, m.AP, m.per_class[2].AP50, m.per_class[0].AP50])
    assert list(means)[3:] == [f"c, {m.per_class[2].AP50:.3f}", f"a, {m.per_class[0].AP50:.3f}"]


def test_class_bars_with_their_sum(monkeypatch):
    seen = []
    monkeypatch.setattr(report.labels.charts, "png", seen.append)
    per_class(list(range(100, 60, -1)), [f"c{k}" for k in range(40)], list(range(40)))
    (axes,) = seen[0].axes
    assert [bar.get_width() for bar in axes.patches] == [*range(100, 70, -1), sum(range(61, 71))]
    assert axes.get_yticklabels()[-1].get_text() == "10 others"


# --- where it comes from ---


def test_a_training_leaves_it(any_tiny, tmp_path):
    settings = config.load(any_tiny, [f"work_dir={tmp_path / 'run'}", "test.report=true", "train.steps=1"])
    engine.train(settings, "tiny")
    text = html(tmp_path / "run" / "report")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert "<h1>run, step 1</h1>" in text
    names = *coco.FIGURES, "AP90", *any_class.FIGURES, "FDR"
    assert values(section(text, "figures"))[4:] == [metrics[name] for name in names]
    assert values(section(text, "classes")) == [c[name] for c in metrics["per_class"] for name in ("AP", "AP50")]


def test_it_can_be_switched_off(tiny_run):
    assert not (tiny_run / "report").exists()
    assert report.options(config.Config(test=config.Test(report=False)), "x") is None
    assert report.options(config.Config(), "x") == report.Options("x", None)


# --- in a browser ---


def test_it_opens_in_a_browser(browser, source, written, tmp_path):
    folder, _ = written(source(10, 20, 6))
    count = html(folder).count("<img ")
    (tmp_path / "alone").mkdir()
    page = tmp_path / "alone" / "index.html"  # without the images beside it
    shutil.copy(folder / "index.html", page)
    plain_run = browser(page, "--dump-dom")
    assert plain_run.returncode == 0 and not complaints(plain_run.stderr)
    assert plain_run.stdout.count("<img ") == count and "&lt;script&gt;alert(1)" in plain_run.stdout
    for width in (1280, 500):  # 500 pixels is the narrowest window that it opens
        state = probed(browser, page, width)
        assert len(state["images"]) == count and min(state["images"]) > 0
        assert state["requests"] == [name for name in state["requests"] if name.startswith("data:")]
        assert state["wide"] <= state["view"]  # nothing sticks out to the side
