"""The few lines with which someone else's program uses a trained detector."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import cornernet
from cornernet.predictor import _drawing, _write_picture, find_pictures
from cornernet.structures import ImageDetections


@pytest.fixture(scope="module")
def predictor(tiny_run):
    return cornernet.Predictor.load(tiny_run / "best.pt")


@pytest.fixture
def picture(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    return tmp_path / "a.png", image


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_path_a_string_and_an_array_are_the_same_picture(predictor, picture):
    path, image = picture
    first, second, third = predictor([path, str(path), image])
    assert same(first, second) and same(first, third) and same(first, predictor(path)[0])
    assert type(first) is ImageDetections and first.boxes.shape == (len(first.scores), 4)


def test_classes_come_with_the_checkpoint(predictor):
    assert predictor.class_names == ["ellipse", "rectangle", "triangle"] and predictor.category_ids == [1, 2, 3]


def test_overrides_reach_the_detector(tiny_run, picture):
    few = cornernet.Predictor.load(tiny_run / "best.pt", overrides=["test.max_per_image=3", "test.nms.min_score=0"])
    assert len(few(picture[0])[0].scores) <= 3
    with pytest.raises(ValueError, match=r"did you mean test\.flip"):
        cornernet.Predictor.load(tiny_run / "best.pt", overrides=["test.flipp=true"])


def test_no_pictures_no_answers(predictor):
    assert predictor([]) == []


def test_drawing_leaves_the_picture_alone(predictor, picture):
    image, found = picture[1], ImageDetections(torch.tensor([[5.0, 5, 40, 40]]), torch.ones(1), torch.zeros(1).long())
    before = image.copy()
    drawn = predictor.draw(image, found)
    assert drawn.shape == image.shape and (drawn != image).any() and (image == before).all()
    low = predictor.draw(image, found._replace(scores=torch.tensor([0.2])))  # below test.draw_score
    assert (low == image).all()


def test_missing_and_broken_pictures_are_named(predictor, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        predictor(tmp_path / "none.png")
    (tmp_path / "broken.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"broken\.png"):
        predictor(tmp_path / "broken.png")


def test_pictures_are_found_by_name_in_all_folders(tmp_path):
    for name in ("b.JPG", "a.png", "x/c.webp", "notes.txt", "x.png/inside.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [str(path.relative_to(tmp_path)) for path in find_pictures(tmp_path)]
    assert names == ["a.png", "b.JPG", "x/c.webp", "x.png/inside.tif"]


def test_pictures_of_an_output_folder_inside_are_left_out(tmp_path):
    for name in ("in/a.png", "in/out/a.png", "in/outer/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for output, expected in (("in/out", ["a.png", "outer/b.png"]), ("in", None), (".", None), ("elsewhere", None)):
        found = find_pictures(tmp_path / "in", tmp_path / output)
        names = [str(path.relative_to(tmp_path / "in")) for path in found]
        assert names == (expected or ["a.png", "out/a.png", "outer/b.png"])


@pytest.mark.parametrize(
    ("name", "drawing"),
    [
        ("noext", "noext.png"), ("x.jfif", "x.jfif.png"), ("x.gif", "x.gif.png"), ("x.webp", "x.webp.png"),
        ("sub/x.JPG", "sub/x.JPG"), ("x.tiff", "x.tiff"), ("x.bmp", "x.bmp"), (".png", ".png.png"),
    ],
)  # fmt: skip
def test_a_drawing_keeps_an_ending_that_can_be_written(tmp_path, name, drawing):
    path = _drawing(tmp_path, Path(name))
    assert path == tmp_path / drawing
    _write_picture(path, np.zeros((4, 4, 3), np.uint8))
    assert cv2.imread(str(path)).shape == (4, 4, 3)


@pytest.mark.parametrize("wrong", [None, b"x.png", 3, torch.zeros(3, 9, 9), [None], [torch.zeros(9, 9, 3)], {3: "a"}])
def test_what_is_no_picture_is_refused_with_what_is_accepted(predictor, wrong):
    with pytest.raises(TypeError, match=r"a picture must be a path or a uint8 BGR array \[h, w, 3\] of NumPy, got "):
        predictor(wrong)


def test_pictures_may_come_from_a_generator(predictor, picture):
    assert len(predictor(path for path in [picture[0]])) == 1


@pytest.mark.parametrize("device", ["gpu", "", "cuda:99", "cpu:x"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(tiny_run, device):
    with pytest.raises(ValueError, match=r"device must be one that torch finds .*: auto, cpu.*; got"):
        cornernet.Predictor.load(tiny_run / "best.pt", device=device)


def test_a_device_may_be_an_object_of_torch(tiny_run):
    loaded = cornernet.Predictor.load(tiny_run / "best.pt", device=torch.device("cpu"))
    assert next(loaded.detector.parameters()).device.type == "cpu"


def test_settings_of_the_test_are_held_to_their_ranges(tiny_run):
    for override in ("test.nms.sigma=0", "test.scales=[]", "test.top_k=0", "test.ae_threshold=nan"):
        with pytest.raises(ValueError, match=override.partition("=")[0] + " must"):
            cornernet.Predictor.load(tiny_run / "best.pt", overrides=[override])


def test_the_package_has_one_name_of_weight():
    with pytest.raises(AttributeError, match="has no attribute 'Detector'"):
        cornernet.Detector  # noqa: B018
    assert cornernet.__version__ and "Predictor" in cornernet.__all__
