"""A file of JSON read in pieces gives what reading it whole gives, or nothing; entries come back as they were."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornernet.data.annotations import streaming
from cornernet.data.annotations.columns import Columns
from cornernet.data.annotations.streaming import streamed

LISTS = {"a": (list, lambda entry: entry)}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
WHOLE = {  # text that json reads: what of it
    '{"a": [1, 2], "a": [3]}': "the last of two keys counts",
    '\ufeff {"a": []}\n': "a mark of the byte order, and blanks",
    '{ "b" : {"a": [1]} , "a" : [ {"x": NaN} , -Infinity ] }': "numbers that only Python has",
    '{"a": [1234567], "b": 89}': "a number of which a piece is one as well",
    "{}": "nothing",
    '{"a": {"b": 1}}': "no list",
    '{"a": ["\\ud800", "é\\u00e9"]}': "half a character",
}
OTHERS = [
    "", " ", "[1]", "null", '{"a": [1,]}', '{"a": [1}', '{"a": [1]', '{"a": [1]} x', '{"a" [1]}', '{"a": 1,}', "{a: 1}",
    '{"a": [1e5 2]}', '{"a": ' + "[" * 100_000, '{"a": [' + "9" * 5000 + "]}", "{", '{"a', '{,"a": 1}',
]  # fmt: skip


@pytest.fixture(params=[1, 7, 2**20])
def piece(request, monkeypatch):
    """Bytes that are read at once."""
    monkeypatch.setattr(streaming, "PIECE", request.param)


@pytest.mark.parametrize("text", WHOLE)
def test_it_is_what_json_reads(tmp_path, piece, text):
    (tmp_path / "a.json").write_bytes(text.encode())
    assert repr(streamed(tmp_path / "a.json", LISTS)) == repr(json.loads(text.removeprefix("\ufeff")))


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_otherwise_is_nothing(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert streamed(tmp_path / "a.json", LISTS) is None


def test_bytes_that_are_no_text_are_nothing(tmp_path):
    for data in (b'{"a": ["\xff"]}', '{"a": []}'.encode("utf-16"), b'{"a": []}\xe2\x82'):
        (tmp_path / "a.json").write_bytes(data)
        assert streamed(tmp_path / "a.json", LISTS) is None, data


@given(held=st.dictionaries(st.sampled_from("abc"), st.lists(VALUES) | VALUES), indent=st.sampled_from([None, 1]))
def test_whatever_it_holds(tmp_path_factory, held, indent):
    path = tmp_path_factory.mktemp("held") / "a.json"
    path.write_text(json.dumps(held, indent=indent))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "PIECE", 3)
        assert streamed(path, LISTS) in (held, None)  # None: a number that ended with a piece, in the midst of itself


def test_a_long_value_is_not_read_ever_again(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "PIECE", 1)
    asked = []
    more = streaming._Reader.more
    monkeypatch.setattr(streaming._Reader, "more", lambda self, size: (asked.append(size), more(self, size))[1])
    (tmp_path / "a.json").write_text(json.dumps({"b": "x" * 10_000}))
    assert streamed(tmp_path / "a.json", LISTS) == {"b": "x" * 10_000} and len(asked) < 40


def test_a_value_without_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "LONGEST", 100)
    (tmp_path / "a.json").write_text(json.dumps({"b": "x" * 2**22}))
    assert streamed(tmp_path / "a.json", LISTS) is None


USUAL = {"id": 7, "image_id": 3, "category_id": 1, "bbox": [1, 2.5, 3, -0.0], "area": 4}
ENTRIES = {
    "usual": USUAL,
    "without what may be missing": {"image_id": 3, "category_id": 1, "bbox": [1.0, 2, 3, 4.0]},
    "an id that is a text": USUAL | {"id": "a.txt, line 3"},
    "a crowd": USUAL | {"iscrowd": 1, "segmentation": {"counts": [1, 2.5], "size": [3, 4]}},
    "a crowd without a mask": USUAL | {"iscrowd": 1, "segmentation": None},
    "numbers that are none": USUAL | {"bbox": [1, math.inf, 3, 4], "area": -math.inf},
    "no dict": 5,
    "nothing": {},
    "an id that is null": USUAL | {"id": None},
    "an id that is true": USUAL | {"id": True},
    "an image that is a text": USUAL | {"image_id": "3"},
    "an id of 64 bits and more": USUAL | {"id": 2**63},
    "a whole number that no float is": USUAL | {"bbox": [2**53 + 1, 2, 3, 4]},
    "five numbers": USUAL | {"bbox": [1, 2, 3, 4, 5]},
    "truth for a number": USUAL | {"bbox": [True, 2, 3, 4]},
    "another crowd": USUAL | {"iscrowd": 2, "segmentation": [1]},
}


def test_entries_come_back_as_they_were():
    columns = Columns(ENTRIES.values())
    before, after = (
        [repr(sorted(x.items()) if x and x != 5 else x) for x in each] for each in (ENTRIES.values(), columns)
    )
    assert before == after and len(columns) == len(ENTRIES)
    usual = [name for name, there in zip(ENTRIES, columns.usual.tolist(), strict=True) if there]
    assert usual == list(ENTRIES)[:6]


def test_what_nobody_asks_for_is_left_out():
    entries = [USUAL | {"segmentation": [[1, 2]], "attributes": {}}, USUAL | {"id": None, "segmentation": 1}]
    assert list(Columns(entries)) == [USUAL, USUAL | {"id": None}]
    assert list(Columns([USUAL | {"iscrowd": 0, "area": None}])) == [{k: v for k, v in USUAL.items() if k != "area"}]


def test_columns_hold_the_numbers():
    columns = Columns([USUAL, 5, USUAL | {"id": "x", "iscrowd": 1, "area": None, "category_id": 9}])
    assert columns.ids.tolist() == [7, 0, 0] and columns.numbered.tolist() == [True, False, False]
    assert columns.boxes[0].tolist() == [1, 2.5, 3, 0] and columns.areas[0] == 4 and math.isnan(columns.areas[2])
    assert columns.crowds.tolist() == [False, False, True] and columns.used() == {1, 9}
