"""Files that appear whole, and what is left of those that did not."""

import os
import subprocess
import sys

import pytest

from cornernet.system import writing


def names(folder):
    return sorted(os.listdir(folder))


def test_a_file_appears_once_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with writing.replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old" and temporary.suffix == ".txt" and temporary.name.startswith(".a.")
    assert path.read_text() == "new" and names(tmp_path) == ["a.txt"]
    writing.write(path, "ä")
    assert path.read_bytes() == "ä".encode()
    writing.write(path, b"\xff")
    assert path.read_bytes() == b"\xff" and names(tmp_path) == ["a.txt"]


def test_after_an_error_the_old_one_stands_alone(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), writing.replacing(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "a").read_text() == "old" and names(tmp_path) == ["a"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    with writing.replacing(tmp_path / "a") as first, writing.replacing(tmp_path / "a") as second:
        assert first != second and str(os.getpid()) in first.name
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a").read_text() == "first" and names(tmp_path) == ["a"]


def test_other_links_to_a_file_keep_what_they_had(tmp_path):
    (tmp_path / "original").write_text("kept")
    os.link(tmp_path / "original", tmp_path / "hard")
    (tmp_path / "soft").symlink_to(tmp_path / "original")
    for name in ("hard", "soft"):
        writing.write(tmp_path / name, "new")
    assert (tmp_path / "original").read_text() == "kept" and not (tmp_path / "soft").is_symlink()


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "a." + "b" * 250, ".hidden", "no ending", "a.tar.gz"])
def test_every_name_has_a_temporary_one(tmp_path, name):
    writing.write(tmp_path / name, "content")
    assert names(tmp_path) == [name] and writing.TEMPORARY.fullmatch(writing._temporary(tmp_path / name).name)


@pytest.fixture
def dead():
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_next_write_clears_up_after_a_dead_process(tmp_path, dead):
    left = tmp_path / f".last.{writing.HOST}-{dead}-4.part.pt"
    alive = tmp_path / f".last.{writing.HOST}-{os.getppid()}-4.part.pt"
    other = tmp_path / f".last.another_host-{dead}-4.part.pt"
    before = tmp_path / f".last.{writing.HOST}-{os.getpid()}-999999.part.pt"  # of this number, as in a container
    foreign = tmp_path / ".last.part.pt"
    for path in (left, alive, other, before, foreign):
        path.touch()
    writing.write(tmp_path / "last.pt", "x")
    assert names(tmp_path) == sorted([alive.name, other.name, foreign.name, "last.pt"])


def test_the_holder_of_the_lock_clears_up_after_other_machines(tmp_path, dead):
    kept = [f".a.{writing.HOST}-{os.getppid()}-0.part", "a.part", ".hidden", f"a.x-{dead}-0.part"]
    for name in (*kept, f".a.another_host-{dead}-0.part", f".b.{writing.HOST}-{dead}-0.part.png"):
        (tmp_path / name).touch()
    with writing.replacing(tmp_path / "own") as temporary:
        temporary.touch()
        writing.sweep(tmp_path, elsewhere=True)
        assert names(tmp_path) == sorted([*kept, temporary.name])


def test_a_folder_that_is_missing_is_a_sentence_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*/none to write a\.txt into$"):
        writing.write(tmp_path / "none" / "a.txt", "new")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match=r"no folder .*/file to write"):
        writing.check_place(tmp_path / "file" / "a.txt")
