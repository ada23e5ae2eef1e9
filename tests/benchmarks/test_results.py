"""Rows that benchmarks leave: begun once, added to, read again; what their command lines read."""

import pytest

from benchmarks import results


def test_rows_are_added_behind_those_that_are_there(tmp_path):
    file = tmp_path / "x.csv"
    assert results.read(file) == []
    results.append(file, ("a", "b"), [{"a": 1, "b": "x, y"}])
    results.append(file, ("a", "b"), [{"a": 2, "b": ""}, {"a": 3, "b": "z"}])
    assert file.read_bytes() == b'a,b\n1,"x, y"\n2,\n3,z\n'
    assert [row["a"] for row in results.read(file)] == ["1", "2", "3"]


def test_names_and_numbers_are_read_and_others_refused():
    assert results.some_of(("a", "b"))("b,a") == ("b", "a") and results.numbers("3,1") == (3, 1)
    with pytest.raises(ValueError, match="must be some of a, b, got c"):
        results.some_of(("a", "b"))("a,c")
    with pytest.raises(ValueError, match="invalid literal"):
        results.numbers("1,x")


def test_rows_of_other_columns_are_not_added(tmp_path):
    results.append(tmp_path / "a.csv", ("set", "AP"), [{"set": "cards", "AP": "0.5"}])
    with pytest.raises(ValueError, match=r"a\.csv has other columns: set,AP, where set,precision,AP would be added"):
        results.append(tmp_path / "a.csv", ("set", "precision", "AP"), [{"set": "cards"}])
    assert results.read(tmp_path / "a.csv") == [{"set": "cards", "AP": "0.5"}]
