"""The numbers of a CSV over its steps, whatever stands in it."""

import pytest

from cornernet.drawing import columns


def test_points_of_each_column_without_what_is_no_finite_number(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step,a,b\n1,2,\n2,nan,x\n3,inf,4\nnan,1,1\n1.5e308,1,1\n4,-1e307,1,9,9\n5\n")
    assert columns.read(path) == {"a": [(1, 2)], "b": [(3, 4), (4, 1)]}
    assert columns.read(tmp_path / "none.csv") == {}


@pytest.mark.parametrize("content", [b"step,a\n1,\xff\n", b"step,a\n1," + b"9" * 200_000])
def test_a_file_that_is_no_csv_is_named(tmp_path, content):
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"log\.csv is not readable as CSV: "):
        columns.read(path)
