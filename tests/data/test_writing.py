"""Annotations as texts: what a format says of an image, digit by digit, and names that need care."""

import csv
import json
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from cornernet.data import WRITERS, ImageRecord, Labelled, write_labels

NAMES = ["no", 'car, "red" & <fast>: it\'s', "細胞 é"]


def labelled(name="a.jpg", scores=None, crowds=None):
    """An image of 200x100 pixels with three objects."""
    boxes = np.array([[10, 20, 60.5, 90], [0, 0, 200, 100], [1 / 3, 2 / 3, 7 / 3, 9]])
    return Labelled(ImageRecord(7, name, 200, 100), boxes, np.array([0, 1, 2]), scores, crowds)


EMPTY = Labelled(ImageRecord(8, "b.png", 20, 10), np.zeros((0, 4)), np.zeros(0, np.int64))


def files(form, *images, **how):
    return dict(WRITERS[form].files({"train": list(images)}, NAMES, how.get("category_ids")))


def test_coco_has_corner_and_size_and_the_ids_of_the_classes():
    found = json.loads(files("coco", labelled(), EMPTY, category_ids=[5, 7, 90])["annotations/train.json"])
    assert [x["bbox"] for x in found["annotations"]] == [
        [10, 20, 50.5, 70], [0, 0, 200, 100], [0.333333, 0.666667, 2, 8.333333]
    ]  # fmt: skip
    assert [(x["image_id"], x["category_id"], x["area"], x["iscrowd"]) for x in found["annotations"]] == [
        (7, 5, 3535, 0), (7, 7, 20000, 0), (7, 90, 16.666667, 0)
    ]  # fmt: skip
    assert [x["name"] for x in found["categories"]] == NAMES
    assert [x["file_name"] for x in found["images"]] == ["a.jpg", "b.png"]


def test_coco_keeps_crowds_with_their_areas_and_masks():
    crowd = labelled(crowds=np.array([False, True, False]))._replace(areas=np.array([1, 2, 3.5]), masks={1: [[1, 2]]})
    found = json.loads(files("coco", crowd)["annotations/train.json"])["annotations"]
    assert [(x["iscrowd"], x["area"], x.get("segmentation")) for x in found] == [
        (0, 1, None),
        (1, 2, [[1, 2]]),
        (0, 3.5, None),
    ]


def test_yolo_has_shares_of_nine_digits_and_no_crowds():
    found = files("yolo", labelled(crowds=np.array([False, True, False])), EMPTY)
    assert found["labels/train/a.txt"] == (
        "0 0.176250000 0.550000000 0.252500000 0.700000000\n2 0.006666667 0.048333333 0.010000000 0.083333333\n"
    )
    assert found["labels/train/b.txt"] == ""
    assert yaml.safe_load(found["data.yaml"]) == {"train": "images/train", "names": dict(enumerate(NAMES))}


def test_voc_has_edges_as_they_are_and_marks_crowds_difficult():
    found = files("voc", labelled(crowds=np.array([False, True, False])), EMPTY)
    root = ElementTree.fromstring(found["Annotations/a.xml"])
    assert [x.findtext("name") for x in root.iter("object")] == NAMES
    assert [x.findtext("difficult") for x in root.iter("object")] == ["0", "1", "0"]
    assert [[y.text for y in x] for x in root.iter("bndbox")][::2] == [
        ["10", "20", "60.5", "90"], ["0.333333", "0.666667", "2.333333", "9"]
    ]  # fmt: skip
    assert [x.text for x in root.find("size")] == ["200", "100", "3"]
    assert found["ImageSets/Main/train.txt"] == "a\nb\n" and "<object>" not in found["Annotations/b.xml"]


def test_csv_quotes_names_and_gives_an_image_without_objects_one_row():
    rows = list(csv.reader(files("csv", labelled(), EMPTY)["train.csv"].splitlines()))
    assert rows[0] == ["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"]
    assert [row[3] for row in rows[1:4]] == NAMES
    assert rows[1][4:] == ["10", "20", "60.5", "90"] and rows[4] == ["b.png", "20", "10", *[""] * 5]


def test_csv_has_a_column_of_crowds_where_there_are_some():
    text = files("csv", labelled(crowds=np.array([False, True, False])))["train.csv"]
    assert [row["iscrowd"] for row in csv.DictReader(text.splitlines())] == ["0", "1", "0"]


@pytest.mark.parametrize("form", WRITERS)
def test_scores_are_written_where_there_are_some(form):
    scored = labelled(scores=np.array([0.125, 0.5, 0.75]))
    texts = "".join(files(form, scored).values())
    assert all(number in texts for number in ("0.125", "0.75"))
    assert "0.125" not in "".join(files(form, labelled()).values())


def test_xml_takes_a_name_that_it_has_no_way_to_write():
    text = WRITERS["voc"].text(labelled(), ["a\x01b", "c", "d"])
    assert ElementTree.fromstring(text).findtext("object/name") == "a\\x01b"


def test_files_are_written_below_the_folder(tmp_path):
    done = write_labels(tmp_path / "new", "yolo", {"val": [labelled("sub/a.jpg")]}, NAMES)
    assert [x.relative_to(tmp_path / "new").as_posix() for x in done] == ["labels/val/sub/a.txt", "data.yaml"]
    assert done[0].read_text() == WRITERS["yolo"].text(labelled())


def test_an_unknown_format_is_named():
    with pytest.raises(ValueError, match="format must be coco or csv or voc or yolo, got 'tfrecord'"):
        write_labels("x", "tfrecord", {}, NAMES)
