"""A bad image is the image's fault; a folder that is gone and a disk with errors are nobody's image's."""

import errno
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from cornernet.config import Data
from cornernet.data import ShapesSet, images, read, storage, train_loader, write
from cornernet.data.annotations import annotated
from cornernet.data.storage import Away, patiently
from cornernet.evaluation.evaluate import predictions

DATA = Data(name="shapes", input_size=(64, 64), max_objects=4, workers=0, transforms={"crop": {"border": 16}})
FOLDER = Path("images/train")


@pytest.fixture
def held(tmp_path):
    """A set of six images on disk."""
    write(tmp_path, ShapesSet("train", 6, size=64))
    return read(tmp_path / "annotations/train.json", tmp_path / FOLDER)


@pytest.fixture
def hasty(monkeypatch):
    """Waits are short."""
    monkeypatch.setattr(storage, "PAUSES", (0.05, 0.05))


class Clock:
    """Time that passes only while somebody sleeps."""

    now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """Waits take none of the machine's time, and its stalls no part in them."""
    held = Clock()
    monkeypatch.setattr(storage, "time", held)
    return held


def gone(root: Path) -> None:
    root.rename(root.with_name("elsewhere"))


def unmounted(root: Path) -> None:
    gone(root)
    root.mkdir()


def back(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    root.with_name("elsewhere").rename(root)


@pytest.mark.parametrize("happens", [gone, unmounted])
@pytest.mark.parametrize(("workers", "on_error"), [(0, "stop"), (0, "skip"), (2, "skip")])
def test_a_folder_that_is_away_for_a_while_changes_no_batch(held, happens, workers, on_error, caplog):
    wanted = list(train_loader(DATA, held, 2, steps=12))
    loader = train_loader(replace(DATA, workers=workers, on_error=on_error), held, 2, steps=12)
    found = []
    for batch in loader:
        found.append(batch)
        if len(found) == 2:
            happens(held.root)
            threading.Timer(0.4, back, [held.root]).start()
    pairs = [zip(one.tensors(), other.tensors(), strict=True) for one, other in zip(found, wanted, strict=True)]
    assert all(x.equal(y) for pair in pairs for x, y in pair)
    assert loader.dataset.skipped() == 0
    assert sum("trying again for 10 seconds" in text for text in caplog.messages) == 1


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_folder_that_stays_away_is_no_bad_image(held, hasty, workers):
    gone(held.root)
    loader = train_loader(replace(DATA, workers=workers, on_error="skip"), held, 2, steps=3)
    with pytest.raises(Away, match=r"png cannot be read: the folder \S*train is gone or closed, and so for 0.1 sec"):
        next(iter(loader))
    assert loader.dataset.skipped() == 0


def refusing(number: int, only: str = ""):
    """os.open that fails with this error, for every image or for one only."""

    def opened(path, flags, _open=os.open):
        if only in str(path):
            raise OSError(number, os.strerror(number), str(path))
        return _open(path, flags)

    return opened


DISK = [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ETIMEDOUT]


@pytest.mark.parametrize("number", DISK)
def test_errors_of_the_disk_are_not_the_images_even_if_only_one_is_met(held, monkeypatch, number):
    def fails(path, *size):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(annotated, "read_image", fails)
    with pytest.raises(Away, match=os.strerror(number)):
        held.image(0)


@pytest.mark.parametrize("number", DISK)
def test_they_are_told_behind_a_image_that_seems_to_be_missing(held, monkeypatch, number):
    """Newer Pythons' Path.is_file says that of whatever happens."""
    (held.root / held.records[0].file_name).unlink()
    monkeypatch.setattr(storage.os, "open", refusing(number, held.records[0].file_name))
    with pytest.raises(Away, match=os.strerror(number)):
        held.image(0)


@pytest.mark.parametrize(("only", "error"), [("", Away), ("000001", PermissionError)])
def test_permission_is_the_images_only_where_others_can_be_opened(held, monkeypatch, only, error):
    def fails(path, *size):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(annotated, "read_image", fails)
    monkeypatch.setattr(storage.os, "open", refusing(errno.EACCES, only))
    with pytest.raises(error):
        held.image(0)


def test_no_memory_is_not_the_images_fault(held, monkeypatch):
    def fails(data, flags):
        error = cv2.error("insufficient memory")
        error.code, error.err = cv2.Error.StsNoMem, "Failed to allocate"
        raise error

    monkeypatch.setattr(images.cv2, "imdecode", fails)
    with pytest.raises(Away, match="not enough memory"):
        held.image(0)


@pytest.mark.parametrize("becomes", [Path.unlink, lambda path: (path.unlink(), path.mkdir())])
def test_one_missing_image_in_a_folder_that_is_there_is_bad(held, becomes):
    becomes(held.root / held.records[1].file_name)
    with pytest.raises(FileNotFoundError, match=r"000002\.png"):
        held.image(1)
    loader = train_loader(replace(DATA, on_error="skip"), held, 6, steps=2)
    assert [int((b.images == 0).flatten(1).all(1).sum()) for b in loader] == [1, 1]
    assert loader.dataset.skipped() == 1  # of two draws


def test_a_image_that_is_back_when_it_is_looked_for_again_is_no_bad_one(held, monkeypatch):
    def fails(path, *size):
        raise FileNotFoundError(f"{path} is missing")

    monkeypatch.setattr(annotated, "read_image", fails)
    with pytest.raises(Away, match="for a moment"):
        held.image(0)


def test_a_folder_below_that_is_gone_takes_its_images_along(tmp_path):
    write(tmp_path, ShapesSet("train", 4, size=64))
    root = tmp_path / FOLDER
    text = (tmp_path / "annotations/train.json").read_text().replace('"00000', '"sub/00000', 2)
    (tmp_path / "annotations/train.json").write_text(text)
    (root / "sub").mkdir()
    for name in ("000001.png", "000002.png"):
        (root / name).rename(root / "sub" / name)
    held = read(tmp_path / "annotations/train.json", root)
    (root / "sub").rename(tmp_path / "sub")
    (root / "000003.png").unlink()
    with pytest.raises(Away, match="sub is gone"):
        held.image(0)
    with pytest.raises(FileNotFoundError):
        held.image(2)


def test_waiting_ends_when_the_run_is_asked_to_stop(held, clock):
    gone(held.root)
    loader = train_loader(DATA, held, 2, steps=3)
    loader.stopping = lambda: clock.now > 0.3
    with pytest.raises(Away):
        next(iter(loader))
    assert clock.now < 0.5


def test_an_error_that_passes_is_not_heard_of(caplog):
    answers = iter([Away("once"), 7])

    def read():
        answer = next(answers)
        if isinstance(answer, Away):
            raise answer
        return answer

    assert patiently(read) == 7


class Blind(torch.nn.Module):
    """A detector that sees nothing."""

    def fit_size(self, height, width):
        return height, width

    def predict(self, images):
        n = len(images)
        return torch.zeros(n, 0, 4), torch.zeros(n, 0), torch.zeros(n, 0).long(), torch.zeros(n, 0), torch.zeros(n, 0)


def test_an_evaluation_waits_and_does_not_skip(held, hasty):
    gone(held.root)
    timer = threading.Timer(0.02, back, [held.root])
    timer.start()
    assert predictions(Blind(), held, progress=False, on_error="skip")[2] == 0
    timer.join()
    gone(held.root)
    with pytest.raises(Away):
        predictions(Blind(), held, progress=False, on_error="skip")
