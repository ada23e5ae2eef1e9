"""The look at a run's data: the tool's report and exit code, the same before step 0, and the counts at the end."""

import json
import logging
import re
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from accelerate.state import AcceleratorState

from cornernet import config, detectors
from cornernet.cli import check_data as command
from cornernet.data import build_sources
from cornernet.data.check import summary
from cornernet.evaluation import evaluate
from cornernet.evaluation.metrics import table
from cornernet.training import check_data, preflight

IMAGE, OTHER, THIRD, FOURTH = (
    cv2.imencode(".jpg", np.random.default_rng(i).integers(0, 255, (60, 80, 3), np.uint8))[1].tobytes()
    for i in range(4)
)
TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def data(tmp_path):
    """Writer of a set with changes -> the overrides that train and validate on it."""

    def write(contents=(IMAGE, OTHER, THIRD), **changes):
        for i, content in enumerate(contents, 1):
            (tmp_path / f"{i}.jpg").write_bytes(content)
        ids = range(1, len(contents) + 1)
        whole = {
            "images": [{"id": i, "file_name": f"{i}.jpg", "width": 80, "height": 60} for i in ids],
            "annotations": [
                {"id": i, "image_id": i, "category_id": 1, "bbox": [10, 10, 30, 20]} for i in ids
            ],
            "categories": [{"id": 1, "name": "cat"}],
        } | changes  # fmt: skip
        (tmp_path / "t.json").write_text(json.dumps(whole))
        return [
            "data.name=coco", f"data.root={tmp_path}", f"work_dir={tmp_path / 'run'}", "train.steps=1",
            *(f"data.{split}.{key}" for split in ("train", "val") for key in ("images=.", "annotations=t.json")),
        ]  # fmt: skip

    return write


@pytest.fixture
def tool(monkeypatch, capfd):
    """Run a tool as its file would be run -> (exit code, stdout, stderr)."""

    def call(name, *arguments):
        AcceleratorState._reset_state(reset_partial_state=True)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        capfd.readouterr()
        try:
            runpy.run_path(f"{TOOLS}/{name}.py", run_name="__main__")
            code = 0
        except SystemExit as left:
            code = left.code or 0
        return code, *capfd.readouterr()

    yield call
    AcceleratorState._reset_state(reset_partial_state=True)


def said(*asked):
    """Report of a config as the command prints it, and why a run would be refused."""
    found = check_data.report(*asked)
    return command.text(found), found.refusal()


def lines(report):
    """Rows of the report's table: (split, kind, count, what is done)."""
    return [tuple(re.split(r" {2,}", line)[:4]) for line in report.splitlines() if re.match("(train|val|both) ", line)]


def test_the_shapes_have_a_sensible_report(any_tiny):
    text, refusal = said(any_tiny, [])
    assert refusal == "" and "nothing odd was found" in text
    assert "train: drawn on the fly" in text and "10, 0 of them without objects" in text and "ellipse" in text


def test_a_report_names_what_is_found_and_what_is_done(tiny, data):
    box = {"image_id": 1, "category_id": 1}
    annotations = [
        {"id": 1, **box, "bbox": [10, 10, 30, 20]},
        {"id": 2, **box, "bbox": [10, 10, float("nan"), 20]},
        {"id": 3, **box, "bbox": [10, 10, 0, 20]},
        {"id": 4, **box, "bbox": [70, 10, 30, 20]},
        *({"id": i, **box, "bbox": [3 * i, 1, 2, 2]} for i in range(5, 14)),
    ]
    given = data(contents=(IMAGE, IMAGE[:500], b""), annotations=annotations)
    text, refusal = said(tiny, given)
    rows = {(split, kind): (count, done) for split, kind, count, done in lines(text)}
    assert rows[("train", "bbox is not finite")] == ("1", "refused")
    assert rows[("train", "bbox has no area")] == ("1", "left out")
    assert rows[("train", "box beyond the image")] == ("1", "clipped")
    assert rows[("train", "damaged image")] == ("1", "refused")
    assert rows[("val", "empty image")] == ("1", "refused")
    assert rows[("val", "box smaller than a cell")] == ("9", "used, but hardly to be found")
    assert rows[("train", "image with too many objects")] == ("1", "3 objects cut in all")
    assert rows[("both", "image in both splits")][0] == "3"
    assert refusal == (
        "train: t.json: annotation 2 of 1.jpg: bbox is not finite, got [10, 10, nan, 20] in an image of 80x60 pixels"
        "; 5 more refused (data.on_error=skip goes on without)"
    )
    text, refusal = said(tiny, [*given, "data.on_error=skip"], True)
    rows = {(split, kind): (count, done) for split, kind, count, done in lines(text)}
    assert refusal == "" and rows[("train", "bbox is not finite")] == ("1", "left out")
    assert rows[("train", "damaged image")] == ("1", "blank in training, its objects missed in validation")


def test_the_tool_exits_with_2_where_a_run_would_be_refused(tool, tiny, data):
    code, out, err = tool("check_data", tiny, *data(contents=(IMAGE, b"")))
    assert code == 2 and "empty image" in out and err.count("\n") == 1
    assert err.startswith("error: train: image 2: ") and "2.jpg is empty; 1 more refused" in err
    code, out, err = tool("check_data", tiny, *data(contents=(IMAGE, b"")), "data.on_error=skip")
    assert code == 0 and "empty image" in out and not err
    code, out, err = tool("check_data", tiny, *data(), "images=perhaps")
    assert code == 2 and "images" in err and "Traceback" not in err and not out


def test_boxes_shrink_with_the_image(tiny, data):
    given = data(annotations=[{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 6, 7]}])
    assert "smaller than a cell" not in said(tiny, given)[0]
    text = said(tiny, [*given, "data.longest_side=40"])[0]
    assert "a box of 1.jpg is 3x3.5 pixels at the network's input, a cell is 4" in text
    whole = [
        *given,
        "data.transforms.crop=null",
        "data.transforms.fit={}",
        "data.input_size=[32,32]",
        "data.longest_side=32",
    ]
    assert "is 2.4x2.8 pixels" in said(tiny, whole)[0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"annotations": []}, "has 3 images, but no box to train on"),
        ({"images": []}, "lists no images"),
        ({"categories": {}}, "categories must be a list, got a mapping"),
        ({"images": [{"id": 1, "file_name": "../x.jpg", "width": 1, "height": 1}]}, "no image can be used"),
    ],
)
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_what_is_no_data_set_is_refused_in_either_mode(tiny, data, changes, sentence, on_error):
    text, refusal = said(tiny, [*data(**changes), f"data.on_error={on_error}"])
    assert sentence in refusal and "t.json" in refusal and "refused" in text


def test_a_class_that_only_validation_has(tiny, data, tmp_path):
    given = data(categories=[{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}])
    whole = json.loads((tmp_path / "t.json").read_text())
    whole["annotations"][0]["category_id"] = 2
    (tmp_path / "v.json").write_text(json.dumps(whole))
    text, refusal = said(tiny, [*given, "data.val.annotations=v.json"])
    assert refusal == "" and "'dog' has 1 objects in validation, none in training" in text
    whole["categories"] = [{"id": 1, "name": "cow"}]
    whole["annotations"] = whole["annotations"][1:]
    (tmp_path / "v.json").write_text(json.dumps(whole))
    text, refusal = said(tiny, [*given, "data.val.annotations=v.json"])
    assert "category 1 is 'cow' here and 'cat' in the training set" in refusal


def test_it_says_what_annotations_and_splits_hold(tiny, data, tmp_path):
    box = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 30, 20]}
    boxes = [{**box, "id": 1, "area": 0}, {**box, "id": 2, "area": 600}, {**box, "id": 3, "image_id": 2, "iscrowd": 1}]
    given = data(
        contents=(IMAGE, OTHER, THIRD),
        annotations=boxes,
        categories=[{"id": 1, "name": "cat"}, {"id": 2, "name": "cow"}],
    )
    (tmp_path / "same.jpg").write_bytes(OTHER)
    whole = json.loads((tmp_path / "t.json").read_text())
    images = [{"id": 1, "file_name": "same.jpg", "width": 80, "height": 60}]
    (tmp_path / "v.json").write_text(json.dumps(whole | {"images": images, "annotations": []}))
    text, refusal = said(tiny, [*given, "data.val.annotations=v.json"])
    rows = {(split, kind): (count, done) for split, kind, count, done in lines(text)}
    assert refusal == "" and rows[("train", "box given twice")] == ("1", "both are used; data.on_error=skip drops one")
    assert rows[("train", "bad area")] == ("1", "width x height of the box is used")
    assert rows[("train", "class without objects")] == ("1", "cannot be learned")
    assert rows[("val", "no objects")][1].startswith("no AP can be measured")
    assert rows[("both", "identical images in train and val")] == ("1", "used: validation will flatter")
    assert "2.jpg and " in text and "same.jpg" in text and "objects        2 and 1 crowd of 2 classes" in text
    text, _ = said(tiny, [*given, "data.val.annotations=v.json", "data.on_error=skip"])
    rows = {(split, kind): (count, done) for split, kind, count, done in lines(text)}
    assert rows[("train", "box given twice")] == ("1", "left out") and rows[("train", "mostly crowds")][0] == "1"


def test_a_refusal_names_the_key_only_where_that_passes_all(tiny, data):
    assert said(tiny, data(contents=(IMAGE, b"")))[1].endswith("1 more refused (data.on_error=skip goes on without)")
    unlisted = [{"id": 1, "image_id": "1", "category_id": 1, "bbox": [1, 2, 3, 4]}]
    refusal = said(tiny, data(annotations=unlisted))[1]
    assert "belongs to image '1', which is not listed, but 1 is" in refusal and "data.on_error" not in refusal


# -- before step 0 ----------------------------------------------------------------------------------------------


def test_a_training_stops_before_its_first_step(tool, tiny, data, tmp_path):
    code, out, err = tool("train", tiny, *data(contents=(IMAGE, IMAGE[:700])))
    assert code == 2 and not out and err.count("\n") == 1
    assert "error: train: image 2: " in err and "2.jpg is cut short" in err and "data.on_error=skip" in err
    assert not (tmp_path / "run").exists()


def test_a_training_that_skips_says_so_once_and_counts(tool, tiny, data):
    annotations = [{"id": i, "image_id": i, "category_id": 1, "bbox": [10, 10, 30, 20]} for i in (1, 2)]
    annotations += [{"id": i, "image_id": 1, "category_id": 9, "bbox": [10, 10, 30, 20]} for i in (3, 4)]
    given = data(contents=(IMAGE, IMAGE[:700], b""), annotations=annotations)
    code, out, err = tool("train", tiny, *given, "data.on_error=skip", "data.workers=1")
    assert code == 0 and "3 images, 2 objects" in out and "2 images unreadable (their objects count as missed)" in out
    assert "2 x unknown category, left out; the first: annotation 3 of 1.jpg has category 9" in err
    assert err.count("train: 1 x damaged image") == 1 and err.count("train: 1 x empty image") == 1
    assert err.count("a blank image stands in") == 1 and err.count("its objects count as missed") == 1
    summary = err[err.rindex("t.json: records left out: 2 (2 x unknown category)") :]
    names = re.search(r"left blank in training, since they could not be read: (\d images?: [^(]+) \(", summary)[1]
    assert names in ("2 images: 2.jpg, 3.jpg", "1 image: 2.jpg", "1 image: 3.jpg")  # four draws of three images
    run = config.load(tiny, given).work_dir
    metrics = json.loads(Path(f"{run}/metrics.json").read_text())
    assert metrics["unreadable"] == 2
    code, out, _ = tool("evaluate", f"{run}/last.pt")
    assert code == 0 and "2 images unreadable" in out and "records left out: 2 (2 x unknown category)" in out


def test_nothing_is_said_of_a_clean_set(tiny, data, caplog, tmp_path):
    given = data()
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "other.jpg").write_bytes(FOURTH)
    whole = json.loads((tmp_path / "t.json").read_text())
    images = [{**whole["images"][0], "file_name": "other.jpg"}]
    (tmp_path / "v.json").write_text(json.dumps(whole | {"images": images, "annotations": whole["annotations"][:1]}))
    chosen = config.load(tiny, [*given, "data.val.images=v", "data.val.annotations=v.json"])
    preflight.check(chosen)

    class Detector:
        def cell_size(self):
            return 4

    train, val = build_sources(chosen.data)
    with caplog.at_level(logging.INFO):
        check_data.before_training(chosen, Detector(), train, val)
    assert not caplog.records and summary((train, val)) == []
    check_data.before_training(chosen, Detector(), train, train)
    assert "3 x image in both splits" in caplog.text


@pytest.mark.parametrize("batch_size", [1, 2])
def test_an_evaluation_names_one_unreadable_image_and_counts_all(tiny, data, caplog, batch_size):
    given = config.load(tiny, [*data(contents=(IMAGE, b"", IMAGE[:500], b"")), "data.on_error=skip"])
    _, source = build_sources(given.data)
    caplog.clear()
    detector = detectors.build(given, 1)
    metrics = evaluate.evaluate(detector, source, progress=False, batch_size=batch_size, on_error="skip")
    assert (metrics.images, metrics.unreadable, metrics.objects) == (4, 3, 4)
    named = [record for record in caplog.records if "count as missed" in record.getMessage()]
    assert len(named) == 1 and "2.jpg is empty" in named[0].getMessage()
    assert "3 images unreadable" in table(metrics)


# -- every hostile file -----------------------------------------------------------------------------------------

NAMES = (
    "bbox_nan bbox_zero_wh crowd_only annotations_null file_name_traversal img_truncated_jpeg img_1x1 img_20x12000 "
    "ids_string images_empty"
).split()
TINY = [
    "data.name=coco", "data.longest_side=64", "train.steps=1", "train.batch_size=2", "train.eval_every=0",
    "train.save_every=0",
]  # fmt: skip


def hostile(shared, folder, name):
    """Overrides that train on a hostile file."""
    root = shared / "data/hostile"
    path = folder / f"{name}.json"
    data = (root / "annotations" / f"{name}.json").read_bytes()
    path.write_bytes(data.replace(b"@ROOT@", str(root).encode()))
    splits = [f"data.{split}.images={root / 'images'}" for split in ("train", "val")]
    return [*splits, *(f"data.{split}.annotations={path}" for split in ("train", "val")), *TINY]


def agree(tool, tiny, given, folder, on_error):
    """The training's exit code and what it prints; the check must have said the same before."""
    keys = [*given, f"data.on_error={on_error}", f"work_dir={folder / on_error}"]
    code, _, err = tool("train", tiny, *keys)
    checked, report, _ = tool("check_data", tiny, *keys)
    assert code == checked in (0, 2) and "Traceback" not in err
    assert (code == 2) == (" refused " in report)
    if code:
        assert err.count("\n") == 1 and err.startswith("error: ")
    return code


@pytest.mark.parametrize("name", NAMES)
def test_what_the_check_says_is_what_a_training_does(shared, tool, tiny, tmp_path, name):
    assert agree(tool, tiny, hostile(shared, tmp_path, name), tmp_path, "stop") in (0, 2)


@pytest.mark.slow
def test_what_the_check_says_is_what_a_training_does_with_every_file(shared, tool, tiny, tmp_path):
    codes = {}
    for path in sorted((shared / "data/hostile/annotations").glob("*.json")):
        given = hostile(shared, tmp_path, path.stem)
        codes[path.stem] = [agree(tool, tiny, given, tmp_path / path.stem, mode) for mode in ("stop", "skip")]
    assert len(codes) > 70 and codes["good"] == [0, 0] and codes["bbox_nan"] == [2, 0]
    assert {name for name, (_, skip) in codes.items() if skip} == {
        "annotations_empty", "annotations_null", "category_key_missing", "crowd_only", "images_empty",
        "json_duplicate_key", "json_empty_file", "json_latin1", "json_truncated",
    }  # fmt: skip
