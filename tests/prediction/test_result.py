"""What a prediction gives back: its rows, its drawing, its other forms."""

import dataclasses
import json
import sys
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch

from cornernet.drawing import Style
from cornernet.prediction.crops import class_folder
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


def test_its_own_style_holds_unless_another_is_given(result):
    bare = Style(3, "none")
    own = dataclasses.replace(result, style=bare).draw()
    assert (own == result.draw(style=bare)).all() and (own != result.draw()).any()
    assert (own[24, 5:9] != 7).any(1).sum() >= 2 and (own[24, 9:30] == 7).all()


def test_a_image_that_is_not_held_is_read_again(result, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), result.image)
    away = Result(result.boxes, result.scores, result.labels, ["a", "b"], [1, 2], str(tmp_path / "a.png"))
    assert (away.pixels() == result.image).all() and away.draw().shape == (50, 60, 3)
    (tmp_path / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.png"):
        away.draw()


def test_chosen_by_class_and_score(result):
    assert result.filter("cat").names == ["cat"] and result.filter(["cat", "狗"], 0.5).scores.tolist() == [
        pytest.approx(0.9), 0.5,
    ]  # fmt: skip
    assert len(result.filter(score=0.95)) == 0 and len(result.filter()) == 3 and len(result.filter(classes=[])) == 0
    with pytest.raises(ValueError, match="there is no class 'dog'; the detector has cat, 狗"):
        result.filter(classes=["cat", "dog"])


def test_the_drawing_is_saved_and_shown(result, tmp_path):
    assert (cv2.imread(str(result.save(tmp_path / "new" / "a.png"))) == result.draw()).all()
    assert (cv2.imread(str(result.save(tmp_path / "b.png", 0))) == result.draw(0)).all()
    assert (cv2.imdecode(np.frombuffer(result._repr_png_(), np.uint8), 1) == result.draw()).all()
    with pytest.raises(OSError, match=r"c\.xyz could not be written: its ending must be \.bmp, \.jpeg, \.jpg"):
        result.save(tmp_path / "c.xyz")
    assert result.save(tmp_path) == tmp_path / "image.png"
    held = dataclasses.replace(result, source=str(tmp_path / "b.png"))
    with pytest.raises(ValueError, match=r"b\.png is the image itself, which its drawing would replace"):
        held.save(tmp_path)


def test_crops_are_all_pixels_that_a_box_touches(result, tmp_path):
    result.image[:] = np.arange(50)[:, None, None]
    crops = result.crops(tmp_path)
    assert [(crop.name, crop.image.shape) for crop in crops] == [
        ("狗", (35, 35, 3)), ("cat", (2, 3, 3)), ("狗", (30, 10, 3)),
    ]  # fmt: skip
    assert (crops[1].image == np.arange(2, 4)[:, None, None]).all() and crops[0].score == pytest.approx(0.9)
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")}
    assert written == {"狗/image-1.png", "cat/image-1.png", "狗/image-2.png"}
    assert (cv2.imread(str(tmp_path / "cat/image-1.png")) == crops[1].image).all()
    edge = dataclasses.replace(result, boxes=torch.tensor([[60.0, 50, 60, 50]] * 3))
    assert [crop.image.shape for crop in edge.crops()] == [(1, 1, 3)] * 3


@pytest.mark.parametrize(
    ("name", "folder"), [("../a", "_a"), ("a/b", "a_b"), (" . ", "_"), ("a\n\x1b", "a__"), ("x" * 300, "x" * 80)]
)
def test_a_class_is_a_folder_that_leads_nowhere(name, folder):
    assert class_folder(name) == folder


ROWS = [
    {"name": "狗", "category_id": 18, "x1": 5, "y1": 5, "x2": 40, "y2": 40},
    {"name": "cat", "category_id": 3, "x1": 1, "y1": 2, "x2": 3.5, "y2": 4},
    {"name": "狗", "category_id": 18, "x1": 10, "y1": 0, "x2": 20, "y2": 30},
]


def test_rows_as_json(result):
    rows = json.loads(result.to_json())
    assert [row.pop("score") for row in rows] == pytest.approx([0.9, 0.5, 0.2]) and rows == ROWS
    assert result[:0].to_json() == "[]"


def test_rows_as_a_table(result):
    pytest.importorskip("pandas")
    table = result.to_pandas()
    assert list(table.columns) == ["name", "category_id", "score", "x1", "y1", "x2", "y2"]
    assert table.drop(columns="score").to_dict("records") == ROWS and len(result[:0].to_pandas().columns) == 7


def test_without_pandas_it_says_what_to_install(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"^to_pandas needs pandas: pip install pandas$"):
        result.to_pandas()


def test_lines_of_yolo_are_shares_of_the_image(result):
    first, second, third = result.to_yolo().splitlines()
    assert first == "1 0.375000000 0.450000000 0.583333333 0.700000000" and second.startswith("0 0.0375000")
    assert third.split()[1:] == ["0.250000000", "0.300000000", "0.166666667", "0.600000000"]
    assert [line.split()[5] for line in result.to_yolo(score=True).splitlines()][1] == "0.500000000"
    away = dataclasses.replace(result, image=None, size=(50, 60))
    assert away.to_yolo() == result.to_yolo() and result[:0].to_yolo() == ""


def test_xml_of_voc(result):
    root = ElementTree.fromstring(dataclasses.replace(result, source="x/é & b.png").to_voc())
    assert root.findtext("filename") == "é & b.png" and root.findtext("size/width") == "60"
    assert [item.findtext("name") for item in root.findall("object")] == result.names
    edges = [[float(edge.text) for edge in box] for box in root.iter("bndbox")]
    assert edges == result.boxes.tolist() and float(root.findtext("object/score")) == pytest.approx(0.9)


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
