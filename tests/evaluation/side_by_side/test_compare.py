"""Two runs side by side: the figures of each, what of their sets is compared, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from cornernet import config
from cornernet.config.differences import apart
from cornernet.evaluation.side_by_side import compare, figures
from cornernet.evaluation.side_by_side.alike import alike
from cornernet.evaluation.side_by_side.figures import Line
from cornernet.evaluation.side_by_side.member import Member
from cornernet.evaluation.side_by_side.naming import names, plain
from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found
from tests.evaluation.side_by_side.conftest import found


def half(k, row):
    """Every second object, and a box beside it that is of none."""
    return found(row) if k % 2 else found(row, 0.3, bbox=[0, 0, 3, 3])


def values(compared) -> dict:
    return {line.name: line.values for line in compared.lines}


def test_figures_of_both_and_their_differences(run):
    compared = compare(run("one"), run("two", half))
    assert compared.names == ("one", "two") and compared.left_out == []
    assert compared.page == compared.page.parent.parent / "report-one-two" / "index.html"
    assert values(compared)["AP"][0] == values(compared)["F1"][0] == 1 > values(compared)["AP"][1] > 0
    by_name = {line.name: line for line in compared.lines}
    assert by_name["AP"].difference == pytest.approx(values(compared)["AP"][1] - 1)
    assert by_name["AP_large"].difference is None and not by_name["FDR"].higher and by_name["AP"].higher
    text = compared.page.read_text(encoding="utf-8")
    assert "<title>one and two</title>" in text and "is better on 0 of 5 images" in text


def test_a_real_run_has_the_figures_of_its_own_evaluation_saved_and_anew(tiny_run, tmp_path):
    compared = compare(tiny_run, tiny_run / "last.pt", out=tmp_path / "out")
    known = json.loads((tiny_run / "metrics.json").read_text())
    assert compared.names == ("tiny", "last.pt") and compared.page.parent == tmp_path / "out"
    for name in ("AP", "AP50", "AR100", "FDR", "AP_any_class"):
        assert values(compared)[name] == pytest.approx([known[name]] * 2, abs=1e-6), name
    assert "No setting differs" in compared.page.read_text(encoding="utf-8")


def test_sets_that_differ_are_compared_on_the_images_of_both(run):
    one, two = run("one", half), run("two", half, "data.shapes.val_images=3")
    compared = compare(one, two)
    assert compared.left_out == ["2 images of one are not in the set of two"]
    assert values(compared)["AP"][0] == values(compared)["AP"][1]
    text = compared.page.read_text(encoding="utf-8")
    assert "3 images with" in text and compared.left_out[0] in text.replace("<bdi>", "")


def test_sets_without_a_common_image_are_refused(run):
    with pytest.raises(ValueError, match=r"^one and two have no image in common: 5 images of both are annotated other"):
        compare(run("one"), run("two", half, "data.shapes.seed=5"))


def member(name: str, files: list[str], classes: list[str], objects, detections=()) -> Member:
    """Objects and detections are (image, class, x)."""
    images, labels, x = (np.array(column, np.int64) for column in zip(*objects, strict=True))
    boxes = np.stack([x, x, x * 0 + 20, x * 0 + 10], 1).astype(np.float64)
    truth = Truth([f"id {file}" for file in files], files, [5 + k for k in range(len(classes))], classes, images,
                  labels, boxes, boxes[:, 2] * boxes[:, 3], np.zeros(len(x), bool))  # fmt: skip
    rows = np.array(detections, np.float64).reshape(-1, 3)
    seen = np.stack([rows[:, 2], rows[:, 2], rows[:, 2] * 0 + 20, rows[:, 2] * 0 + 10], 1)
    held = Found(truth.image_ids, truth.category_ids, rows[:, 0].astype(int), rows[:, 1].astype(int), seen,
                 np.full(len(rows), 0.5))  # fmt: skip
    return Member(name, Path(), config.Config(), None, truth, held, "")


def test_images_and_classes_are_the_same_by_their_names():
    objects = [(0, 0, 3), (0, 1, 4), (1, 1, 7), (2, 0, 9)]
    one = member("a", ["x", "y", "z"], ["cat", "dog"], objects, [(1, 1, 7), (2, 0, 9)])
    objects = [(2, 1, 4), (2, 2, 3), (3, 1, 7), (0, 2, 8), (1, 0, 1)]  # z has another box here, q is of this set alone
    two = member("b", ["z", "q", "x", "y"], ["ox", "dog", "cat"], objects, [(3, 1, 7), (2, 0, 1), (1, 0, 1)])
    both = alike(one, two)
    assert both.truth.names == ["x", "y"] and both.truth.class_names == ["cat", "dog", "ox"] and both.places == [0, 1]
    assert both.truth.images.tolist() == [0, 0, 1] and both.truth.labels.tolist() == [0, 1, 1]
    first, second = both.found
    assert (first.images.tolist(), first.labels.tolist()) == ([1], [1])
    assert (second.images.tolist(), second.labels.tolist()) == ([1, 0], [1, 2])
    assert both.left_out == [
        "1 image of b is not in the set of a", "1 image of both is annotated otherwise",
    ]  # fmt: skip


def test_images_and_classes_that_share_a_name_stay_apart():
    objects = [(0, 0, 3), (0, 1, 7), (1, 0, 50)]
    one = member("a", ["x", "x"], ["cat", "cat"], objects, objects)
    two = member("b", ["x", "x"], ["cat", "cat"], objects, [(1, 0, 50)])
    both = alike(one, two)
    assert both.truth.names == ["x", "x"] and both.truth.class_names == ["cat", "cat"] and both.left_out == []
    assert both.truth.images.tolist() == [0, 0, 1] and both.truth.labels.tolist() == [0, 1, 0]
    assert both.found[0].images.tolist() == [0, 0, 1] and both.found[0].labels.tolist() == [0, 1, 0]
    assert both.found[1].images.tolist() == [1]
    assert alike(one, member("b", ["x"], ["cat", "cat"], objects[:2])).left_out == [
        "1 image of a is not in the set of b"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"image_id": 1}]', "does not hold detections in COCO's results format"),
        ('{"a": 1}', "does not hold detections"),
        ("[1", "does not hold detections"),
        ("{}", "does not hold detections"),
        ('""', "does not hold detections"),
        ('[{"image_id": 1, "category_id": 99, "bbox": [1, 2, 3, 4], "score": 1}]', "^two: none of .* ids .99. is in"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4, 5, 6, 7, 8], "score": 1}]', "does not hold"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": [1]}]', "does not hold detections"),
        ('[{"image_id": 99, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]', "^two: .* image_id 99, which"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, NaN], "score": 1}]', "is not finite"),
        *((f'[{{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": {score}}}]',
           rf"predictions\.json has a detection of score {shown}, expected are scores from 0 to 1$")
          for score, shown in (("NaN", "nan"), ("1e999", "inf"), ("1.5", "1.5"), ("-0.1", "-0.1"))),
    ],
)  # fmt: skip
def test_detections_that_are_none_are_refused(run, content, message):
    one, two = run("one"), run("two")
    (two / "predictions.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        compare(one, two)


def test_a_file_of_detections_that_is_too_large_is_not_read(run):
    one, two = run("one"), run("two")
    with (two / "predictions.json").open("r+b") as file:
        file.truncate(2**30 + 1)  # takes no room
    with pytest.raises(ValueError, match=r"two.predictions\.json has 1073741825 bytes, at most 1073741824 are all"):
        compare(one, two)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [1", r"config\.yaml is not readable as YAML"),
        ("seed: 2001-99-99", r"config\.yaml is not readable as YAML: month must be"),
        (f"seed: {'1' * 5000}", r"config\.yaml is not readable as YAML: Exceeds the limit"),
        ("- 1", r"config\.yaml does not hold the settings of a run"),
        ("test: {max_per_image: 0}", r"config\.yaml: test\.max_per_image must be at least 1"),
        ("train: {lrr: 1}", r"config\.yaml: .*train\.lrr"),
        ("data: {name: os.getcwd}", r"os\.getcwd' is code from elsewhere"),
        (f"seed: {'1' * 2**20}", "at most 1048576 are allowed"),
    ],
)
def test_settings_that_are_none_are_refused_and_never_obeyed(run, content, message):
    one, two = run("one"), run("two")
    (two / "config.yaml").write_text(content)
    with pytest.raises(ValueError, match=message):
        compare(one, two)


def test_what_someone_elses_config_hides_is_read(run):
    one, two = run("one"), run("two", half)
    (two / "config.yaml").rename(two / "resolved.yaml")
    (two / "config.yaml").write_text("not: ours")
    assert values(compare(one, two))["AP"][0] == 1


def test_keys_of_data_alone_change_a_run_whose_detections_are_saved(run):
    one, two = run("one"), run("two", half)
    with pytest.raises(ValueError, match=r"^test\.flip=true cannot change .* such as .*one/best\.pt$"):
        compare(one, two, ["data.on_error=skip", "test.flip=true"])
    assert values(compare(one, two, ["data.on_error=skip"]))["AP"][0] == 1


def test_names_are_the_shortest_ends_that_differ():
    assert names(Path("runs/a"), Path("runs/b/")) == ("a", "b")
    assert names(Path("x/run/best.pt"), Path("y/run/best.pt")) == ("x/run/best.pt", "y/run/best.pt")
    with pytest.raises(ValueError, match=r"runs/a and runs/\.\./runs/a are one and the same"):
        names(Path("runs/a"), Path("runs/../runs/a"))
    assert names(Path("runs/a\n\u202e"), Path("runs/b")) == ("a\\n\\u202e", "b")
    assert plain("a/<b>\n") == "a_b_" and len(plain("x" * 99)) == 60


def test_the_better_value_is_bold_and_nothing_is_where_nothing_is_measured():
    more = Line("AP", (0.25, 0.5), ("0.250", "0.500"), "")
    less = more._replace(name="FDR", higher=False)
    assert ["<b>" in cell for cell in figures.cells(more)] == [False, True, False]
    assert ["<b>" in cell for cell in figures.cells(less)] == [True, False, False]
    assert figures.cells(more)[2] == '<data value="0.25">+25.0</data>'
    for values in ((0.5, 0.5), (-1.0, 0.5)):
        assert "<b>" not in "".join(figures.cells(Line("AP", values, ("a", "b"), "")))
    assert Line("AP", (-1.0, 0.5), ("-", "b"), "").difference is None and figures.points(-0.0123) == "-1.2"


def test_settings_that_differ_are_named_with_both_values():
    one, two = (config.override(config.Config(), [text]) for text in ("train.ema=0.9", "loss.heatmap.name=focal"))
    assert apart(one, two) == {"loss.heatmap.name": ("neg", "focal"), "train.ema": ("0.9", "null")}
