"""What predicting writes as a data set is one that the toolkit reads, in every format; and nothing lies in its way."""

import json

import cv2
import numpy as np
import pytest
import torch

from cornernet.config import Config, Data, Validation
from cornernet.data import build_source
from cornernet.prediction.given import given, name
from cornernet.prediction.result import Result
from cornernet.prediction.written import Written

NAMES, IDS = ["cat, or so", "狗: <b>", "empty"], [3, 18, 20]


def put(path, size=(40, 60)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.full((*size, 3), 9, np.uint8))[1].tobytes())
    return path


def results(folder):
    """Three images, one of them without an object -> (name from the folder, Result)."""
    rng = np.random.default_rng(0)
    for file, count in (("a.png", 3), ("sub dir/a.png", 0), ("a.jpg", 2)):
        put(folder / file)
        low = torch.from_numpy(rng.uniform([0, 0], [30, 20], (count, 2)))
        boxes = torch.cat([low, low + torch.from_numpy(rng.uniform(5, 20, (count, 2)))], 1).float()
        labels = torch.from_numpy(rng.integers(0, 2, count))
        image = cv2.imread(str(folder / file))
        yield (
            file,
            Result(boxes, torch.rand(count), labels, NAMES, IDS, str(folder / file), image, size=image.shape[:2]),
        )


def read_back(out, form, images):
    """Open what was written by the toolkit's own readers."""
    paths = {"coco": "predictions.json", "csv": "predictions.csv", "yolo": "yolo", "voc": "voc"}
    found = Validation(annotations=str(out / paths[form]), images="" if form in ("yolo", "voc") else str(images))
    return build_source(Data(val=found), "val")


@pytest.mark.parametrize("form", ["coco", "yolo", "voc", "csv"])
def test_every_format_is_read_back(form, tmp_path):
    held = dict(results(tmp_path / "in"))
    with Written(tmp_path / "out", False, 0.3, form) as written:
        for file, found in held.items():
            written.add(found, file)
    source = read_back(tmp_path / "out", form, tmp_path / "in")
    labelled = {
        "a.png": "a.png",
        "sub dir/a.png": "sub dir/a.png",
        "a.jpg": "a-2.jpg" if form in ("yolo", "voc") else "a.jpg",
    }
    got = {source.record(i).file_name: i for i in range(len(source))}
    assert len(got) == 3 and written.boxes == 5
    for file, found in held.items():
        (i,) = [
            i for path, i in got.items() if path.endswith(labelled[file]) and ("sub dir" in path) == ("sub" in file)
        ]
        assert source.image(i).shape == (40, 60, 3) and np.allclose(source.boxes(i), found.boxes, atol=1e-3)
        assert [source.class_names[k] for k in source.labels(i)] == found.names
    if form == "coco":
        assert source.category_ids == IDS and source.class_names == NAMES


def test_predictions_json_is_a_set_with_scores(tmp_path):
    with Written(tmp_path, False, 0.3) as written:
        for file, found in results(tmp_path / "in"):
            written.add(found, file)
    content = json.loads((tmp_path / "predictions.json").read_text(encoding="utf-8"))
    assert content["categories"] == [{"id": i, "name": n} for i, n in zip(IDS, NAMES, strict=True)]
    assert [image["file_name"] for image in content["images"]] == ["a.png", "sub dir/a.png", "a.jpg"]
    assert {(x["image_id"], x["iscrowd"]) for x in content["annotations"]} == {(1, 0), (3, 0)}
    assert all(0 <= x["score"] <= 1 and x["area"] > 0 for x in content["annotations"])
    assert [x["id"] for x in content["annotations"]] == [1, 2, 3, 4, 5]


def test_images_are_linked_and_frames_are_written(tmp_path):
    (_, found), *_ = results(tmp_path / "in")
    frame = Result(found.boxes, found.scores, found.labels, NAMES, IDS, "v.mp4#7", found.image, size=(40, 60))
    with Written(tmp_path / "out", False, 0.3, "yolo", crops=True) as written:
        written.add(found, "a.png")
        written.add(frame, "v.mp4#7")
    images = tmp_path / "out/yolo/images/val"
    assert (images / "a.png").readlink() == tmp_path / "in/a.png" and cv2.imread(
        str(images / "v-000007.jpg")
    ) is not None
    assert (tmp_path / "out/yolo/labels/val/v-000007.txt").read_text() == found.to_yolo()
    assert (
        len(list((tmp_path / "out/crops").glob("*/a.png-*.png")))
        == 3
        == len(list((tmp_path / "out/crops").glob("*/v*")))
    )


def tree(folder):
    for file in ("p/a.png", "p/sub/b.png", "p/sub/deep/c.JPG", "q/a.png", "p/v.mp4", "p/notes.txt", "p/x[1].png"):
        put(folder / file)
    return folder


def names(found):
    return [str(name(image, found.root)) for image in found.images]


def test_one_folder_or_file_is_named_from_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tree(tmp_path))
    assert names(given(["p"])) == ["a.png", "sub/b.png", "sub/deep/c.JPG", "x[1].png"]
    assert names(given(["p/sub/b.png"])) == ["b.png"] and given(["p/v.mp4", "0"]).videos == ["p/v.mp4", 0]


def test_several_are_named_from_the_folder_that_holds_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tree(tmp_path))
    assert names(given(["p/a.png", str(tmp_path / "q"), "./p/../p/a.png"])) == ["p/a.png", "q/a.png"]


def test_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tree(tmp_path))
    assert names(given(["p/*.png"])) == ["a.png", "x[1].png"] and names(given(["p/x[1].png"])) == ["x[1].png"]
    found = given(["p/**/*"])
    assert sorted(names(found)) == ["a.png", "sub/b.png", "sub/deep/c.JPG", "x[1].png"] and found.videos == ["p/v.mp4"]
    with pytest.raises(FileNotFoundError, match=r"^p/\*\.tif matches no image or video \(\.avi"):
        given(["p/a.png", "p/*.tif"])
    with pytest.raises(FileNotFoundError, match="there is no image, video or folder p/none"):
        given(["p/none.png"])


@pytest.fixture
def predict(tiny_run, tmp_path, monkeypatch):
    """Function (sources, **how) that predicts with a tiny checkpoint into out."""
    from cornernet.prediction.annotate import annotate

    monkeypatch.chdir(tmp_path)
    few = ["test.max_per_image=3", "test.ae_threshold=9", "test.nms.min_score=0"]

    def call(*sources, overrides=(), **how):
        return annotate(str(tiny_run / "best.pt"), sources, [*few, *overrides], tmp_path / "out", **how)

    return call


def test_files_folders_and_patterns_mixed(predict, tmp_path):
    tree(tmp_path)
    done = predict("p/a.png", "q", "p/sub/**/*.JPG", score=0.0, form="voc", crops=True)
    assert done.count == 3 and done.boxes == 9
    drawn = {"p/a.png", "q/a.png", "p/sub/deep/c.JPG"}
    assert all(cv2.imread(str(tmp_path / "out" / file)) is not None for file in drawn)
    assert len(list((tmp_path / "out/crops").rglob("*.png"))) == 9
    assert len(read_back(tmp_path / "out", "voc", None)) == 3


def test_a_score_holds_for_all_files_and_a_typed_draw_score_for_drawings(predict, tmp_path):
    plain = put(tmp_path / "p" / "a.png").read_bytes()
    assert predict("p", score=0.0).boxes == 3
    drawn = cv2.imread("out/a.png")
    assert predict("p", score=0.0, overrides=["test.draw_score=1"]).boxes == 3
    blank = cv2.imdecode(np.frombuffer(plain, np.uint8), 1)
    assert (cv2.imread("out/a.png") == blank).all() and (drawn != blank).any()
    assert predict("p", overrides=["test.draw_score=1"]).boxes == 0 == predict("p", score=1).boxes


def test_what_lies_in_the_way_of_label_files_stays(predict, tmp_path):
    put(tmp_path / "p" / "a.png")
    (tmp_path / "out" / "yolo").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"out/yolo is there already, and of no earlier prediction"):
        predict("p", form="yolo")
    predict("p")  # now it is
    (tmp_path / "mine").mkdir()
    (tmp_path / "out" / "yolo" / "labels").symlink_to(tmp_path / "mine")
    with pytest.raises(ValueError, match=r"out/yolo/labels leads elsewhere, and nothing is written through links"):
        predict("p", form="yolo")
    assert not list((tmp_path / "mine").iterdir())
    put(tmp_path / "p" / "crops" / "a.png")
    with pytest.raises(ValueError, match=r"crops/a\.png would be drawn among what else is written"):
        predict("p", crops=True)


def test_the_word_best_f1_needs_a_checkpoint_that_knows(predict, tmp_path):
    put(tmp_path / "p" / "a.png")
    assert predict("p", score="best_f1").count == 1  # its classes fall back on 0.3, for nothing was found
    with pytest.raises(ValueError, match="score_threshold must be a number from 0 to 1"):
        predict("p", score=2)
    assert Config().test.draw_score is None
