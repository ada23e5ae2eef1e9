"""Sets cut down to their first images."""

import numpy as np
import pytest

from cornernet.config import Data, Split
from cornernet.data import ShapesSet, build_sources, read, write
from cornernet.data.annotations import first


def coco_mini(shared):
    folder = shared / "data" / "coco_mini"
    return read(folder / "annotations" / "instances_train2017.json", folder / "images" / "train2017")


def test_the_first_images_with_objects_keep_all_they_have(shared):
    whole = coco_mini(shared)
    part = first(whole, 16)
    with_objects = [i for i in range(len(whole)) if len(whole.boxes(i))]
    assert len(part) == 16
    assert part.class_names == whole.class_names
    for new, old in enumerate(with_objects[:16]):
        assert part.record(new) == whole.record(old)
        np.testing.assert_array_equal(part.boxes(new), whole.boxes(old))
        np.testing.assert_array_equal(part.labels(new), whole.labels(old))
    ids = {record.image_id for record in part.records}
    expected = [x for x in whole.coco()["annotations"] if x["image_id"] in ids]
    found = part.coco()["annotations"]
    assert [x["bbox"] for x in found] == [x["bbox"] for x in expected]
    assert [x.get("segmentation") for x in found] == [x.get("segmentation") for x in expected]


def test_no_limit_changes_nothing_and_zero_is_refused(shared):
    whole = coco_mini(shared)
    assert first(whole, None) is whole
    with pytest.raises(ValueError, match="limit must be at least 1"):
        first(whole, 0)


def test_shapes_are_limited_too():
    data = Data(name="shapes", train=Split(limit=3))
    assert [len(source) for source in build_sources(data)] == [3, data.shapes.val_images]


def test_shapes_are_not_written_over_somebody_elses_annotations(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "train.json").write_text("precious")
    with pytest.raises(ValueError, match=r"train\.json exists already"):
        write(tmp_path, ShapesSet("train", 2, 64, 3, 0))
    assert (tmp_path / "annotations" / "train.json").read_text() == "precious"
