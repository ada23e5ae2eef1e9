"""The page: its figures, its words, what it does with odd data, and how it opens in a browser."""

import base64
import hashlib
import json
import re
import warnings
from html import unescape
from operator import attrgetter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.colors import to_hex

from cornernet import config
from cornernet.drawing import charts, gallery, script
from cornernet.drawing.charts import plain
from cornernet.evaluation import report, scoring
from cornernet.evaluation.measures import any_class, coco
from cornernet.evaluation.report import listed
from cornernet.evaluation.report.images import by_image
from cornernet.evaluation.report.labels import per_class
from cornernet.evaluation.report.matching import Tally, match
from cornernet.evaluation.report.plots import precision_recall
from cornernet.evaluation.truth import from_coco, placed
from cornernet.prediction.found import from_results
from cornernet.training import engine

PLOTS = {"precision_recall.svg", "confusion.svg", "sizes.svg", "scores.svg", "classes.svg", "boxes.svg"}
NAMES = "AP", "AP50", "best_f1_precision", "best_f1_recall", "best_f1", "best_f1_threshold"
BEST = attrgetter(*NAMES)


def paired(content: dict, results: list[dict]) -> list:
    truth = from_coco(content)
    return by_image(truth, placed(from_results(results), truth))


def html(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


def values(text: str) -> list[float]:
    return [float(value) for value in re.findall(r'<data value="([^"]+)"', text)]


def section(text: str, key: str) -> str:
    return re.search(rf'<section id="{key}">.*?</section>', text, re.DOTALL)[0]


def shots(text: str) -> list[dict]:
    """What the page tells its script of the images of its list."""
    return json.loads(re.search('<script type="application/json" id="shots">(.*?)</script>', text, re.DOTALL)[1])


# --- what the page says ---


def test_figures_equal_the_metrics(source, written):
    folder, score = written(source(3, 12, 5))
    cards, table = section(html(folder), "figures").split("<table>")
    figures = score.metrics.figures()
    assert values(table) == list(figures.values()) and len(figures) == 16
    assert values(cards) == [figures[name] for name in ("AP", "AP50", "AP75", "AR100")]
    classes = section(html(folder), "classes")
    assert values(classes) == [value for c in score.metrics.per_class for value in BEST(c)]
    rows = re.findall(r"<td>(\d+)</td><td>(\d+)</td><td><span", classes)
    assert rows == [(str(c.objects), str(c.detections)) for c in score.metrics.per_class]
    assert f"{score.metrics.images} images, {score.metrics.objects} objects" in html(folder)


def test_one_file_and_its_plots(source, written):
    folder, _ = written(source(3, 20, 5))
    assert {path.name for path in folder.iterdir()} == {"index.html", *PLOTS}
    for name in PLOTS:
        assert ElementTree.parse(folder / name).getroot().tag.endswith("svg")
    text = html(folder)
    images = re.findall(r"<img ([^>]*)>", text)
    assert len(images) == len(PLOTS)
    assert all(re.search(r'alt="[^"]{10,}"', image) and 'src="data:image/' in image for image in images)
    assert len(shots(text)) == 20 and all(base64.b64decode(shot["file"])[:2] == b"\xff\xd8" for shot in shots(text))
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text) and "url(" not in text and "@import" not in text


def test_names_are_escaped_and_shown(source, written):
    folder, _ = written(source(10, 12, 6), title="<img src=x onerror=alert(1)>")
    text = html(folder)
    assert text.count("<script") == 2 and "onerror=alert(1)>" not in text and "<b>0" not in text
    names = [unescape(name) for name in re.findall(r"</i><bdi>(.*?)</bdi>", section(text, "classes"))]
    assert names == source(10, 1, 1).class_names
    assert "Plots give a class by its number" in text and "default-src 'none'" in text
    digest = base64.b64encode(hashlib.sha256((script.SORT + script.GALLERY).encode()).digest()).decode()
    assert f"; script-src 'sha256-{digest}'\"" in text


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
    assert len(text) < 5e6 and text.count("<img ") == len(PLOTS) and len(shots(text)) == images
    rest = f"The 20 classes with the most objects have a row; the {classes - 20} others are added up"
    assert (rest in text) == ("The 30 most frequent classes." in text) == (classes > 30)
    figure = ElementTree.parse(folder / "confusion.svg").getroot()
    assert (
        max(float(figure.get(side).removesuffix("pt")) for side in ("width", "height")) < 1100
    )  # the matrix stays of a size at which it can be read
    assert len(score.metrics.per_class) == classes


def test_no_detections(source, written):
    folder, score = written(source(3, 5, 4), results=[])
    assert score.metrics.AP == 0 and "The best F1" not in html(folder)
    captions = re.findall(r"F1 0\.00: 0 of \d objects? found, 0 wrong detections", html(folder))
    assert len(captions) == len({x["image_id"] for x in source(3, 5, 4).annotations}) > 0
    assert "No detection has a score of 0.3 or more, the best has 0.00" in html(folder)


@pytest.mark.parametrize(("best", "told"), [(0.29, True), (0.3, False)])
def test_nothing_above_the_score_that_is_drawn_says_to_train_longer(source, written, best, told):
    one = source(2, 4, 4)
    folder, _ = written(one, [found | {"score": best * found["score"] ** 0} for found in one.guesses()])
    assert ("Train longer" in section(html(folder), "figures")) == told


def test_no_annotations(source, written):
    invented = [{"image_id": 1, "category_id": 3, "bbox": [1.0, 1, 5, 5], "score": 0.9}]
    folder, score = written(source(3, 5, 0), results=invented)
    assert score.metrics.AP == -1 and set(values(section(html(folder), "figures"))) == {-1}
    assert '0 of 0 objects found, 1 wrong detection"' in html(folder) and "5 of them without objects" in html(folder)


def test_crowds_are_told_apart(source, written):
    one = source(2, 6, 4)
    one.annotations[0]["iscrowd"] = 1
    folder, _ = written(one)
    assert f"{len(one.annotations) - 1} objects and 1 crowd," in section(html(folder), "labels")


# --- the images ---


def test_all_images_are_listed_the_worst_first(source, written):
    one = source(3, 30, 5)
    folder, _ = written(one)
    text = section(html(folder), "images")
    f1 = [shot["f1"] for shot in shots(text)]
    assert f1 == sorted(f1) and 0 < f1[15] < 1
    assert sorted([shot["name"] for shot in shots(text)]) == sorted(image["file_name"] for image in one.images)
    assert sorted(one.reads) == list(range(30)) and "are listed, evenly" not in text


def test_pictures_at_hand_are_not_read_again(source, written):
    one = source(2, 4, 3)
    pictures = {i: gallery.Picture(f"JPEG {i}".encode(), (120, 120)) for i in (0, 3)}
    folder, _ = written(one, pictures=pictures)
    assert one.reads == [1, 2]
    assert all(base64.b64encode(picture.file).decode() in html(folder) for picture in pictures.values())


def test_of_many_images_some_are_listed_and_that_is_said(source, written):
    one = source(2, 9, 3)
    folder, score = written(one, images=3)
    text = section(html(folder), "images")
    assert sorted([shot["name"] for shot in shots(text)]) == ["<b>0.png", "<b>4.png", "<b>8.png"] and one.reads == [
        0,
        4,
        8,
    ]
    assert "3 of 9 images are listed, evenly spread over the set; test.report_images=9 lists all." in text
    assert score.metrics.images == 9


def test_an_unreadable_image_is_named_and_its_boxes_shown(source, written):
    one = source(3, 30, 5, broken=(3, 7))
    folder, _ = written(one)
    text = section(html(folder), "images")
    assert re.findall(r"<li>(.*?)</li>", text) == [f"&lt;i&gt;{i}.png is cut short" for i in one.broken]
    assert sum(bool(shot["file"]) for shot in shots(text)) == 28 and len(shots(text)) == 30


def test_of_many_unreadable_images_the_first_are_named(source, written):
    folder, _ = written(source(1, 25, 2, broken=tuple(range(25))))
    text = section(html(folder), "images")
    assert text.count("<li>") == 20 and "<p>and 5 more.</p>" in text


def marked(objects, found, least=0.3) -> list[tuple[str, str, tuple[int, ...]]]:
    """Kind, text and classes of the boxes; rows of category, box and, of a detection, score; of an object, crowd."""
    content = {
        "images": [{"id": 0}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 13, "name": "dog"}],
        "annotations": [
            {"id": n, "image_id": 0, "category_id": c, "bbox": b, "iscrowd": int(bool(crowd))}
            for n, (c, b, *crowd) in enumerate(objects)
        ],
    }
    (image,) = paired(content, [{"image_id": 0, "category_id": c, "bbox": b, "score": s} for c, b, s in found])
    return [(x.kind, x.text, x.labels) for x in listed.marks(image, match(image), least, ["cat", "dog"])]


def test_right_wrong_confused_and_missed_are_told_apart():
    objects = [(3, [10, 10, 30, 30]), (3, [70, 70, 30, 30]), (13, [0, 90, 9, 9])]
    found = [(3, [10, 10, 30, 30], 0.9), (13, [70, 70, 30, 30], 0.8), (3, [50, 1, 5, 5], 0.7), (3, [1, 1, 5, 5], 0.1)]
    assert marked(objects, found) == [
        ("missed", "dog, missed", (1,)), ("wrong", "cat 0.70", (0,)),
        ("confused", "dog 0.80, annotated as cat", (1, 0)), ("right", "cat 0.90", (0,)),
        ("annotated", "cat, annotated", (0,)), ("annotated", "cat, annotated", (0,)),
    ]  # fmt: skip


def test_neither_a_crowd_nor_what_was_found_in_it_is_an_error():
    assert marked([(3, [0, 0, 90, 90], True)], [(3, [1, 1, 5, 5], 0.7)]) == [
        ("ignored", "cat, crowd", (0,)), ("ignored", "cat 0.70", (0,)),
    ]  # fmt: skip
    assert marked([], []) == []


def test_a_detection_counts_from_the_score_of_its_class_on():
    found = [(3, [10, 10, 30, 30], 0.5), (13, [70, 70, 30, 30], 0.5)]
    assert [kind for kind, *_ in marked([], found, [0.6, 0.4])] == ["wrong"]


@pytest.mark.parametrize(
    ("counts", "text"),
    [(Tally(1, 1, 1), "F1 0.50: 1 of 2 objects found, 1 wrong detection"),
     (Tally(0, 0, 0), "nothing annotated, nothing found")],
)  # fmt: skip
def test_captions(counts, text):
    assert listed.described(counts) == text


# --- what was run ---


@pytest.fixture
def run(tmp_path):
    """A run with two rows in its log and an evaluation before this one."""
    (tmp_path / "log.csv").write_text("step,images_per_s,total\n10,4,3.0\n20,8,2.0\n")
    (tmp_path / "eval.csv").write_text("step,AP,AP50,AP75,val_total\n10,0.1,0.2,0.1,2.5\n")
    settings = config.Config()
    settings.train.steps, settings.train.batch_size = 30, 8
    settings.data.train.images = "/home/someone/secret/photos"
    return report.Run(settings, tmp_path, 20)


def test_what_was_run(source, written, run, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/opt/bin/cornernet", "train", "x.yaml", "work_dir=/home/someone/runs/<b>"])
    folder, score = written(source(3, 5, 4), run=run)
    text = section(html(folder), "run")
    assert "cornernet train x.yaml &#x27;work_dir=…/runs/&lt;b&gt;&#x27;" in text
    assert "data.train.images:  -> …/secret/photos" in unescape(text) and "someone" not in text
    assert "train.steps: 500000 -> 30" in unescape(text) and "settings other than the default</summary>" in text
    assert "20 of 30 steps of 8 images, 30 s" in text  # 10 x 8 / 4 + 10 x 8 / 8
    assert f"{score.metrics.images} images, {score.metrics.objects} objects, 3 classes" in text
    assert "heatmap neg, grouping ae" in text and (folder / "training.svg").exists()


def test_curves_of_the_run_end_with_this_evaluation(source, written, run):
    _, score = written(source(3, 5, 4))
    scores = report.run._scores(run, score.metrics)
    assert scores["AP"] == [(10, 0.1), (20, score.metrics.AP)] and scores["val_total"] == [(10, 2.5)]
    assert report.run._scores(run._replace(step=None), score.metrics)["AP"] == [(10, 0.1)]


def test_a_run_without_a_log(source, written, run, tmp_path):
    folder, _ = written(source(3, 5, 4), run=run._replace(folder=tmp_path / "none"))
    assert not (folder / "training.svg").exists() and "What was run" in html(folder)


# --- the plots, as far as numbers go ---


def test_curves_have_the_area_that_the_figures_give(source, monkeypatch):
    one = source(3, 20, 5)
    truth = from_coco(one.coco())
    score = scoring.score(truth, placed(from_results(one.guesses()), truth))
    drawn = []
    monkeypatch.setattr(report.sections.plots, "_curve", lambda axes, line, label, **look: drawn.append((label, line)))
    precision_recall(score.precision, score.metrics, ["a", "b", "c"], [2, 0])
    means = {label: line.mean() for label, line in drawn}
    m = score.metrics
    assert list(means.values()) == pytest.approx([m.AP50, m.AP75, m.AP, m.per_class[0].AP50, m.per_class[2].AP50])
    assert list(means)[3:] == [f"a, {m.per_class[0].AP50:.3f}", f"c, {m.per_class[2].AP50:.3f}"]  # in their own order


def test_class_bars_with_their_sum(monkeypatch):
    seen = []
    monkeypatch.setattr(report.sections.labels.charts, "themed", seen.append)
    per_class(list(range(61, 101)), [f"c{k}" for k in range(40)], list(range(39, -1, -1)))
    (axes,) = seen[0].axes
    assert [bar.get_width() for bar in axes.patches] == [*range(71, 101), sum(range(61, 71))]
    assert axes.get_yticklabels()[0].get_text() == "c10"  # the most frequent ones, in the order of the classes
    assert to_hex(axes.patches[0].get_facecolor()) == charts.hue(10)
    assert axes.get_yticklabels()[-1].get_text() == "10 others"


# --- where it comes from ---


def test_a_training_leaves_it(any_tiny, tmp_path):
    settings = config.load(any_tiny, [f"work_dir={tmp_path / 'run'}", "test.report=true", "train.steps=1"])
    engine.train(settings, "tiny")
    text = html(tmp_path / "run" / "report")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert "<h1>run, step 1</h1>" in text and "of 1 step of" in section(text, "run")
    assert sum(bool(shot["file"]) for shot in shots(text)) == metrics["images"]
    names = *coco.FIGURES, "AP90", *any_class.FIGURES, "FDR"
    assert values(section(text, "figures"))[4:] == [metrics[name] for name in names]
    assert values(section(text, "classes")) == [c[name] for c in metrics["per_class"] for name in NAMES]


def test_it_can_be_switched_off(tiny_run):
    assert not (tiny_run / "report").exists()
    assert report.options(config.Config(test=config.Test(report=False)), "x") is None
    assert report.options(config.Config(), "x") == report.Options("x", None, 5000, None)
