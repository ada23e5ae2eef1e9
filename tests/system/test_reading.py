"""Only content can be damaged: what the system does not hand over is asked for again, and then named."""

import errno
import os
from pathlib import Path

import pytest
import torch

from cornernet.checkpoints import checkpoint
from cornernet.errors import Damaged
from cornernet.system import reading
from cornernet.system.reading import present
from cornernet.training import resuming, run_folder

STATE = {
    "model": {"weight": torch.arange(100_000.0)}, "config": {}, "class_names": ["a"], "category_ids": [1], "step": 3,
}  # fmt: skip
PASSING = [OSError(number, os.strerror(number)) for number in (
    errno.EIO, errno.ESTALE, errno.ENOMEM, errno.EMFILE, errno.EACCES, errno.ETIMEDOUT, errno.EHOSTDOWN,
)] + [MemoryError()]  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(reading, "PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def folder(tmp_path):
    """A run with two checkpoints, of steps 2 and 3."""
    for step in (2, 3):
        checkpoint.save({**STATE, "step": step}, tmp_path / run_folder.LAST, keep=True)
    return tmp_path


class Failing:
    """An opened file, some of whose calls raise."""

    def __init__(self, file, fail):
        self.file, self.fail = file, fail

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def read(self, *size):
        self.fail("read")
        return self.file.read(*size)

    def readinto(self, target):
        self.fail("readinto")
        return self.file.readinto(target)


def failing(monkeypatch, error, times, where, name=run_folder.LAST):
    """Let so many of the calls on a file of this name raise: stat, open, or from the nth reading one on."""
    left, opened, stat = [times], Path.open, os.stat
    calls = []

    def fail(what):
        calls.append(what)
        due = what == where if isinstance(where, str) else what.startswith("read") and len(calls) > where
        if left[0] and due:
            left[0] -= 1
            calls.clear()
            raise error

    def open_failing(path, *mode, **more):
        if path.name != name or "rb" not in mode:
            return opened(path, *mode, **more)
        if where == "open":
            fail("open")
        calls.clear()
        return Failing(opened(path, *mode, **more), fail)

    def stat_failing(path, *more, **named):
        if where == "stat" and Path(os.fsdecode(path)).name == name:
            fail("stat")
        return stat(path, *more, **named)

    monkeypatch.setattr(Path, "open", open_failing)
    monkeypatch.setattr(os, "stat", stat_failing)


WHERE = ["stat", "open", 0, 1, 3, 5, 8]  # a few calls verify, the later ones are torch's


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_a_passing_error_passes(folder, monkeypatch, error, where):
    failing(monkeypatch, error, 2, where)
    path, held = resuming._find(folder, "auto")
    assert path == folder / run_folder.LAST and held["step"] == 3


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_one_that_stays_is_named_and_nothing_is_changed(folder, monkeypatch, error, where):
    before = contents(folder)
    failing(monkeypatch, error, 99, where)
    with pytest.raises(OSError, match=r"last\.pt could not be read: .*\(4 tries\); no file was changed") as caught:
        resuming._find(folder, "auto")
    assert (error.strerror if isinstance(error, OSError) else "too little memory") in str(caught.value)
    assert not isinstance(caught.value, (FileNotFoundError, Damaged))
    monkeypatch.undo()
    assert contents(folder) == before


def test_memory_that_torch_lacks_is_no_damage(folder, monkeypatch):
    def without(*a, **k):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr(torch, "load", without)
    with pytest.raises(OSError, match=r"last\.pt could not be read: there is too little memory"):
        resuming._find(folder, "auto")
    assert (folder / run_folder.LAST).exists() and not (folder / "last.damaged.pt").exists()


def test_damage_is_seen_as_before_and_at_once(folder, monkeypatch):
    monkeypatch.setattr(reading, "PAUSES", (1000.0,))
    (folder / run_folder.LAST).write_bytes((folder / run_folder.LAST).read_bytes()[:-1000])
    path, held = resuming._find(folder, "auto")
    assert path.name == run_folder.PREVIOUS and held["step"] == 2 and (folder / "last.damaged.pt").exists()


@pytest.mark.parametrize(
    "content", [b"\x80\x02\x8e" + b"\xff" * 7 + b"\x0fx", b"\x80\x02X\xff\xff\xff\x7fx", b"PK\x03\x04" + b"x" * 99]
)
def test_a_length_that_is_made_up_is_damage_and_no_lack_of_memory(tmp_path, content):
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(Damaged):
        checkpoint.load(tmp_path / "x.pt")


def test_the_first_run_that_cannot_see_its_folder_does_not_start_from_zero(folder, monkeypatch):
    failing(monkeypatch, OSError(errno.EIO, "Input/output error"), 99, "stat")
    with pytest.raises(OSError, match="Input/output error"):
        resuming.resumable(folder, "auto")
    failing(monkeypatch, OSError(errno.EIO, "Input/output error"), 99, "stat", "gone.pt")
    with pytest.raises(OSError, match="Input/output error"):
        present(folder / "gone.pt")


def test_what_is_not_there_is_not_asked_for_again(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "PAUSES", (1000.0,))
    (tmp_path / "file").touch()
    assert not present(tmp_path / "no.pt") and not present(tmp_path / "file" / "x.pt") and not present(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        checkpoint.load(tmp_path / "no.pt")
