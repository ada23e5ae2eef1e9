"""The file of rows: what it keeps, how it is merged, and what is refused."""

import multiprocessing
import random
import subprocess

import pytest

from cornernet.experiments import results, rows
from cornernet.experiments.outputs import tables
from cornernet.experiments.rows import record


def row(name="a", seed=1, config="c0", kind="point", test="t0", **figures):
    fixed = {"seed": seed, "config": config, "test": test, "steps": 40, "minutes": 0.5, "images_per_s": 30.5}
    return record(kind, {"member": name}, fixed, {"AP": 0.25, **figures})


def test_a_row_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "sub" / "x.csv"
    rows.add(path, [row(**{'AP[a, "b"\n]': 0.5, "objects": 12})])
    (held,) = rows.read(path)
    assert rows.labels(held) == {"member": "a"} and rows.key(held) == ("point", "c0", "t0", "1")
    assert rows.figures(held) == {"AP": 0.25, r'AP[a, "b"\n]': 0.5, "objects": 12}
    assert held["steps"] == "40" and held["images_per_s"] == "30.5" and held["commit"] == ""
    assert rows.read(tmp_path / "none.csv") == []


def test_what_is_there_stays_and_the_order_is_that_of_the_rows_alone(tmp_path):
    path, other = tmp_path / "x.csv", tmp_path / "y.csv"
    many = [row(name, seed, f"c{name}") for name in "ba" for seed in (10, 9)] + [row("a", 1, "cs", "trial")]
    random.Random(0).shuffle(many)
    for one in many:
        rows.add(path, [one])
    rows.add(path, [row("a", 9, "ca", AP=0.75)])
    rows.add(other, many[::-1])
    assert path.read_text() == other.read_text()
    assert [(x["kind"], x["member"], x["seed"]) for x in rows.read(path)] == [
        ("trial", "a", "1"), ("point", "a", "9"), ("point", "a", "10"), ("point", "b", "9"), ("point", "b", "10"),
    ]  # fmt: skip


def test_columns_of_others_are_kept(tmp_path):
    path = tmp_path / "x.csv"
    rows.add(path, [row("a", own=3)])
    fixed = {"seed": 1, "config": "c1", "test": "t", "steps": 40}
    rows.add(path, [record("point", {"loss.box.name": "ciou"}, fixed, {"AP": 0.5})])
    first, second = sorted(rows.read(path), key=lambda x: x["config"])
    assert rows.labels(first) == {"member": "a"} and rows.figures(first) == {"AP": 0.25, "own": 3}
    assert rows.labels(second) == {"loss.box.name": "ciou"} and rows.figures(second) == {"AP": 0.5}


def _add(path, name):
    for seed in range(5):
        rows.add(path, [row(name, seed, f"c{name}")])


def test_several_at_once_lose_no_row(tmp_path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add, args=(tmp_path / "x.csv", name)) for name in "abc"]
    [process.start() for process in processes]
    [process.join() for process in processes]
    assert len(rows.read(tmp_path / "x.csv")) == 15 and [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_git_merges_what_two_machines_have_added(tmp_path):
    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True, text=True)

    path = tmp_path / "x.csv"
    git("init", "-q", "-b", "main")
    rows.add(path, [row(name, 1, f"c{name}") for name in "abcd"])
    git("add", "."), git("commit", "-qm", "one")
    git("checkout", "-qb", "other"), rows.add(path, [row("a", 2, "ca")]), git("commit", "-qam", "other")
    git("checkout", "-q", "main"), rows.add(path, [row("d", 2, "cd")]), git("commit", "-qam", "own")
    git("merge", "-q", "other", "-m", "both")
    assert [(x["member"], x["seed"]) for x in rows.read(path)] == [
        ("a", "1"), ("a", "2"), ("b", "1"), ("c", "1"), ("d", "1"), ("d", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind,", "sort,", "does not hold the rows of a comparison"),
        ("\npoint", "\n<<<<<<< ours\npoint", r"row 2: kind must be one of timing, trial, point, got '<<<<<<< ours'"),
        ("0.25", "good", "row 2: AP must be a number, got 'good'"),
        ("0.25", "nan", "row 2: AP must be a number, got 'nan'"),
        ("0.25", "-inf", "row 2: AP must be a number, got '-inf'"),
        (",40,", ",4e1,", "row 2: steps must be a whole number, got '4e1'"),
        (",40,", ",,", "row 2: steps must be a whole number, got ''"),
        (",1,c0", ",1.5,c0", "row 2: seed must be a whole number, got '1.5'"),
        (",1,c0", f",{'9' * 5000},c0", "row 2: seed must be a whole number, got '9{38}'"),
        (",c0", "", "another number of cells"),
        ("0.25", "0.25,7", "another number of cells"),
        ("point,a", 'point,"a', "not readable as CSV"),
    ],
)
def test_what_is_no_file_of_rows_is_named(tmp_path, old, new, message):
    path = tmp_path / "x.csv"
    rows.add(path, [row()])
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=rf"x\.csv.*{message}"):
        rows.read(path)


def test_a_file_that_a_spreadsheet_has_saved_is_read(tmp_path):
    path = tmp_path / "x.csv"
    rows.add(path, [row("a", 1, AP=0.5), row("a", 2, AP=0.75)])
    held = rows.read(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert rows.read(path) == held


def test_names_with_line_ends_and_those_of_columns_lead_back(tmp_path):
    path = tmp_path / "x.csv"
    made = row("a\rb", 1, **{"AP[c\r\nd]": 0.5, "minutes": 7.0, "steps": 3.0})
    rows.add(path, [made])
    assert rows.read(path) == [made] and made["steps"] == "40" and made["minutes"] == "0.5"
    assert rows.labels(made) == {"member": r"a\rb"} and rows.figures(made) == {"AP": 0.25, r"AP[c\r\nd]": 0.5}


def test_a_table_without_a_figure_is_shown_without_it(tmp_path):
    made = [row("a", 1, AP50=0.5), row("b", 1, AP50=0.75)]
    [held.pop("AP") for held in made]
    rows.add(tmp_path / "x.csv", made)
    held = results.read(tmp_path / "x.csv")
    assert tables.best(held) == 0 and tables.figures(held).rows[0][1] == tables.Cell("-")


def test_the_table_is_made_from_the_file_alone(tmp_path):
    path = tmp_path / "x.csv"
    rows.add(path, [row("a", 1, AP=0.5, own=0.25), row("a", 2, AP=0.75), row("b", 1, "c1"), row("a", 1, "s", "trial")])
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "c0-t0-2.npz").write_bytes(b"")
    first, second = results.read(path)
    assert first.label == {"member": "a"} and first.seeds == [1, 2] and second.label == {"member": "b"}
    assert first.figures == {"AP": [0.5, 0.75], "own": [0.25, -1]} and first.steps == [40, 40]
    assert first.images_per_s == [30.5, 30.5] and first.minutes == [0.5, 0.5] and first.memory == [-1, -1]
    assert first.matches == [None, tmp_path / "x" / "c0-t0-2.npz"] and first.runs == [None, None]
