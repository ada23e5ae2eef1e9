"""Counts, values and kinds in sentences."""

import pytest

from cornernet.system.wording import counted, kind, none_of, typed


@pytest.mark.parametrize(
    ("count", "noun", "said"),
    [
        (0, "image", "0 images"),
        (1, "image", "1 image"),
        (2, "training image", "2 training images"),
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
        (2, "copy", "2 copies"),
        (2, "box", "2 boxes"),
        (2, "key", "2 keys"),
        (2, "batch", "2 batches"),
    ],
)
def test_a_noun_agrees_with_its_count(count, noun, said):
    assert counted(count, noun) == said


def test_of_one_there_is_none():
    assert [none_of(count, "image") for count in (1, 3)] == ["no image", "none of the 3 images"]


def test_values_are_as_one_types_them():
    values = [None, True, 3.5, (1, None), {"a": False}, "x", float("nan")]
    assert [*map(typed, values)] == ["null", "true", "3.5", "[1, null]", "{a: false}", "'x'", "nan"]


def test_no_kind_is_a_class_of_python():
    values = [None, True, 1, 1.5, "x", [], {}]
    said = ["null", "true or false", "a number", "a number", "a text", "a list", "a mapping"]
    assert [*map(kind, values)] == said
