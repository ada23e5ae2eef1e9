"""What is found in all objects at once is what is found one by one; sets in arrays are what lists were."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornernet.data.annotations import objects as checking
from cornernet.data.annotations import rows as at_once
from cornernet.data.annotations.annotated import AnnotatedSet, chosen
from cornernet.data.annotations.columns import Columns
from cornernet.data.annotations.objects import objects
from cornernet.data.annotations.packed import pack
from cornernet.data.problems import Problems
from cornernet.data.records import Records
from cornernet.data.source import ImageRecord
from cornernet.data.texts import Masks, Texts

IMAGES = {1: ImageRecord(1, "a.png", 64, 48), 2: None, 5: ImageRecord(5, "b.png", 10, 9)}
CLASSES = [2, 4]
NUMBERS = st.sampled_from([0, 1, 3, 8, 30, 63.5, 64, 64.5, 65, 66, 0.3, -0.5, -1, -3, 1e-9, 1e301, float("nan"), -0.0])
ENTRIES = st.fixed_dictionaries(
    {"bbox": st.lists(NUMBERS, min_size=4, max_size=4)},
    optional={
        "id": st.sampled_from([1, 2, 1.0, "1", "", None, True]),
        "image_id": st.sampled_from([1, 2, 3, 5, 1.0, "1", None]),
        "category_id": st.sampled_from([2, 4, 3, 4.0, None]), "iscrowd": st.sampled_from([0, 1, True, None, 2]),
        "area": st.sampled_from([None, 0, 1, 9, 16, 900.5, 1e9, -1, float("nan")]),
        "segmentation": st.sampled_from([None, [], [[1, 2, 3, 4]], {"counts": "x", "size": [1, 2]}]),
    },
)  # fmt: skip


def found(entries, on_error="skip"):
    """Objects as lists, and problems, or the sentence."""
    problems = Problems("t.json", on_error)
    records = Records.of(record for record in IMAGES.values() if record)
    try:
        held = objects(entries, IMAGES, records, CLASSES, problems)
    except ValueError as error:
        return str(error)
    arrays = [column.tolist() for column in held[:-1]] + [[column.dtype for column in held[:-1]]]
    return repr((arrays, dict(held.segmentation), problems.findings(), problems.skipped, problems.repaired))


@given(entries=st.lists(ENTRIES | st.just(3), max_size=12), on_error=st.sampled_from(["skip", "stop"]))
def test_all_at_once_is_one_by_one(entries, on_error):
    once = found(entries, on_error)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "sound", lambda columns, *_: np.zeros(len(columns), bool))
        assert found(entries, on_error) == once


def test_every_area_of_every_box_all_at_once_is_one_by_one(monkeypatch):
    boxes = [[3, 3, 8, 8], [3, 3, 4, 4], [3, 3, 4, 4.1], [60.5, 40, 4, 8.9], [60.5, 40, 4.6, 8], [0.2, 0.3, 0.5, 0.5]]
    areas = [None, 0, 0.5, 1, 1.01, 16, 64, 100, 100.1, 36, 36.1, 1e301]
    good = {"image_id": 1, "category_id": 2}
    entries = [{**good, "id": at, "bbox": box, "area": x} for at, x in enumerate(areas) for box in boxes]
    once = found(entries)
    monkeypatch.setattr(checking, "sound", lambda columns, *_: np.zeros(len(columns), bool))
    assert found(entries) == once and "bad area" in once


def test_what_is_sound_is_not_looked_at_again(monkeypatch):
    monkeypatch.setattr(checking, "_row", None)
    good = {"id": 1, "image_id": 5, "category_id": 4, "bbox": [1, 2, 3, 4]}
    cut = {"id": 2, "image_id": 1, "category_id": 2, "bbox": [60.5, 40, 4, 8.9], "area": 20, "iscrowd": 1}
    records = Records.of(record for record in IMAGES.values() if record)
    held = objects([good, cut], IMAGES, records, CLASSES, Problems("t.json", "stop"))
    assert held.bbox.tolist() == [[60.5, 40, 4, 8.9], [1, 2, 3, 4]] and held.boxes.tolist()[0] == [60.5, 40, 64, 48]
    assert held.labels.tolist() == [0, 1] and held.area.tolist() == [20, 12] and held.iscrowd.tolist() == [True, False]
    assert held.start.tolist() == [0, 1, 2] and held.segmentation == {}


def test_only_ids_are_given_twice():
    entries = [{"id": number, "image_id": 1, "category_id": 2} for number in ("", "", "x", "x", None, None, 1, 1.0)]
    boxes = [{**entry, "bbox": [at, at, 3, 3]} for at, entry in enumerate(entries)]
    assert "'annotation id given twice': 2" in found(boxes)


def test_ids_find_their_places():
    assert at_once.places(np.array([7, 1, 4, 9]), np.array([9, 4, 7])).tolist() == [2, -1, 1, 0]
    assert at_once.places(np.array([1]), np.zeros(0, np.int64)).tolist() == [-1]


@pytest.mark.parametrize("ids", [[5, 3, 4], ["x", "é", "\udc80"]], ids=["numbers", "texts"])
def test_records_are_a_sequence(ids):
    listed = [ImageRecord(number, f"{number}.png", at, 9) for at, number in enumerate(ids, 7)]
    held = Records.of(listed)
    assert list(held) == listed and held[1] == listed[1] and held[-1] == listed[-1] and len(held) == 3
    assert list(held.of_rows([2, 0])) == [listed[2], listed[0]] and list(held.of_rows([])) == []
    assert type(held[0].width) is int and json.dumps(held[0])
    with pytest.raises(IndexError):
        held[3]


def test_no_records_are_a_sequence():
    assert list(Records.of([])) == [] and list(Texts.of([]).of_rows(np.zeros(0, np.int64)).start) == [0]


def test_masks_are_a_mapping():
    held = Masks.of({5: "[1]", 2: '{"a": 0.1}'})
    assert dict(held) == {2: {"a": 0.1}, 5: [1]} and held.get(3) is None and 3 not in held and 5 in held
    assert dict(held.of_rows(np.array([1, 5, 2, 7]))) == {1: [1], 2: {"a": 0.1}}
    assert dict(held.of_rows(np.array([0, 1]))) == {}


@pytest.fixture
def whole(tmp_path) -> AnnotatedSet:
    places = [(1, [60.5, 40, 4, 8.9]), (5, [1, 2, 3, 4]), (1, [0, 0, 5, 6])]
    entries = [{"id": at, "image_id": number, "category_id": 2, "bbox": box} for at, (number, box) in enumerate(places)]
    entries[2] |= {"iscrowd": 1, "segmentation": [[0, 0, 5, 0, 5, 6]]}
    records, problems = Records.of(record for record in IMAGES.values() if record), Problems("t.json", "stop")
    rows = objects(Columns(entries), IMAGES, records, CLASSES, problems)
    return AnnotatedSet("t.json", tmp_path, records, rows, ["a", "b"], CLASSES, problems)


def test_a_part_keeps_all_that_its_images_have(whole):
    part = chosen(whole, [1, 0, 1])
    assert [r.file_name for r in part.records] == ["b.png", "a.png", "b.png"] and part.objects.start.tolist() == [
        0,
        1,
        3,
        4,
    ]
    assert part.objects.bbox.tolist() == [[1, 2, 3, 4], [60.5, 40, 4, 8.9], [0, 0, 5, 6], [1, 2, 3, 4]]
    assert (
        dict(part.objects.segmentation) == {2: [[0, 0, 5, 0, 5, 6]]} and part.coco()["annotations"][2]["iscrowd"] == 1
    )
    assert len(chosen(whole, []).records) == 0 and chosen(whole, []).objects.start.tolist() == [0]


def test_it_travels_to_another_process(whole):
    there = pickle.loads(pickle.dumps(replace(whole, bit_depth=12)))
    assert there.coco() == whole.coco() and there.bit_depth == 12 and there.problems.source == "t.json"
    before, after = (pack(x.records, x.objects) for x in (whole, there))
    assert all((before[name] == after[name]).all() for name in before)
