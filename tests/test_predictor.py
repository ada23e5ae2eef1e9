"""The few lines with which someone else's program uses a trained detector."""

import cv2
import numpy as np
import pytest
import torch

import cornernet
from cornernet.predictor import find_pictures
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


def test_the_package_has_one_name_of_weight():
    with pytest.raises(AttributeError, match="has no attribute 'Detector'"):
        cornernet.Detector  # noqa: B018
    assert cornernet.__version__ and "Predictor" in cornernet.__all__
