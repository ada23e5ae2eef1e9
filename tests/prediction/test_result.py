"""What a prediction gives back: its rows, its drawing, its other forms."""

import sys

import cv2
import numpy as np
import pytest
import torch

from cornernet.prediction.result import Result


@pytest.fixture
def result():
    boxes = torch.tensor([[5.0, 5, 40, 40], [1, 2, 3.5, 4], [10, 0, 20, 30]])
    scores, labels = torch.tensor([0.9, 0.5, 0.2]), torch.tensor([1, 0, 1])
    image = np.full((50, 60, 3), 7, np.uint8)
    return Result(boxes, scores, labels, ["cat", "狗"], [3, 18], image=image, draw_score=0.3)


def test_names_and_length(result):
    assert len(result) == 3 and result.names == ["狗", "cat", "狗"]


@pytest.mark.parametrize(
    ("which", "kept"),
    [
        (0, [0]), (-1, [2]), (-3, [0]), (np.int64(1), [1]), (slice(1), [0]), (slice(None, None, 2), [0, 2]),
        ([2, 0], [2, 0]), ([], []), (slice(None, None, -1), [2, 1, 0]), (np.arange(3)[::-1], [2, 1, 0]),
        (torch.tensor(0), [0]), (torch.tensor([False, True, False]), [1]), (np.array([True, False, True]), [0, 2]),
        (torch.tensor([1]), [1]), (slice(5, 9), []),
    ],
)  # fmt: skip
def test_rows_are_chosen_as_those_of_an_array(result, which, kept):
    some = result[which]
    assert some.scores.tolist() == result.scores[kept].tolist() and some.boxes.shape == (len(kept), 4)
    assert some.names == [result.names[i] for i in kept] and some.image is result.image


def test_rows_that_are_not_there(result):
    for which in (3, -4, [5], "a"):
        with pytest.raises(IndexError):
            result[which]


def test_a_mask_of_scores_and_a_loop(result):
    assert len(result[result.scores > 0.4]) == 2
    assert [one.names[0] for one in result] == result.names and all(len(one) == 1 for one in result)


def test_rows_for_coco(result):
    rows = result.to_coco("a.png")
    assert rows[1] == {"image_id": "a.png", "category_id": 3, "bbox": [1, 2, 2.5, 2], "score": 0.5}
    assert [row["category_id"] for row in rows] == [18, 3, 18] and result[:0].to_coco(1) == []


def test_the_drawing_leaves_out_what_is_unsure_and_the_image_alone(result):
    before = result.image.copy()
    drawn = result.draw()
    assert drawn.shape == before.shape and (result.image == before).all()
    assert (drawn[5, 5:40] != 7).any() and (drawn[22:29, 10] == 7).all()  # the last box has score 0.2
    assert (result.draw(0.1)[22:29, 10] != 7).any() and (result.draw(0.95) == before).all()


def test_a_image_that_is_not_held_is_read_again(result, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), result.image)
    away = Result(result.boxes, result.scores, result.labels, ["a", "b"], [1, 2], str(tmp_path / "a.png"))
    assert (away.pixels() == result.image).all() and away.draw().shape == (50, 60, 3)
    (tmp_path / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.png"):
        away.draw()


def test_supervision_has_the_same_rows(result):
    supervision = pytest.importorskip("supervision")
    found = result.to_supervision()
    assert isinstance(found, supervision.Detections) and np.array_equal(found.xyxy, result.boxes.numpy())
    assert found.class_id.tolist() == [1, 0, 1] and list(found.data["class_name"]) == result.names
    assert len(result[:0].to_supervision()) == 0


def test_without_supervision_it_says_what_to_install(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ImportError, match="pip install supervision"):
        result.to_supervision()


def test_its_representation_is_short(result):
    assert len(repr(result)) < 500 and "image" not in repr(result)


def test_results_are_told_apart_by_identity(result):
    assert result == result and result != result[:] and len({result, result[:]}) == 2
