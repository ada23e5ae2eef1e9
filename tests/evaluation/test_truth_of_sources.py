"""The truth of a source is that of its COCO dict, without the dict."""

import numpy as np
import pytest

from cornernet.data import ShapesSet, read, with_classes
from cornernet.evaluation.evaluate import truth_of
from cornernet.evaluation.truth import Truth, from_coco, from_source, with_categories
from tests.data.layouts import coco_files


def same(one: Truth, other: Truth) -> bool:
    pairs = zip(one, other, strict=True)
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else list(a) == list(b) for a, b in pairs)


@pytest.fixture
def source(tmp_path):
    return read(coco_files(tmp_path)[0])


def test_of_files_and_of_drawings(source):
    for each in (source, ShapesSet("val", 3, size=64)):
        assert same(from_source(each), from_coco(each.coco()))


def test_the_order_of_classes_is_that_of_their_ids(source):
    ids = source.category_ids
    other = with_classes(source, [max(ids) + 9, *reversed(ids)], ["more", *reversed(source.class_names)])
    assert same(from_source(other), from_coco(other.coco())) and from_source(other).category_ids[-1] == max(ids) + 9


def test_categories_that_the_truth_lacks_are_added(source):
    content = source.coco()
    content["categories"].insert(0, {"id": 0, "name": "0"})
    assert same(with_categories(from_source(source), {0: "0"}), from_coco(content))
    assert same(truth_of(source, [0, *source.category_ids]), from_coco(content))
    with pytest.raises(ValueError, match=r"none of the detector's category ids \[98, 99\] is in the ground truth: \["):
        truth_of(source, [98, 99])
