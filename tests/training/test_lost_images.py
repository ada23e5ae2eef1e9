"""A run whose images cannot be had any more saves what it has trained, and goes on from there bit for bit."""

import csv
import multiprocessing
import os
import signal
import threading
import time

import pytest
import torch
from accelerate.state import AcceleratorState

from cornernet import config
from cornernet.checkpoints import checkpoint
from cornernet.data import AnnotatedSet, ShapesSet, storage, write
from cornernet.data.storage import Away
from cornernet.errors import Failed, Interrupted
from cornernet.training import engine

STEPS = 6
KNOBS = [
    f"train.steps={STEPS}", "train.save_every=0", "train.eval_every=0", "train.accumulate=2", "data.name=coco",
    "data.train.annotations=annotations/train.json", "data.train.images=images/train",
    "data.val.annotations=annotations/val.json", "data.val.images=images/val",
]  # fmt: skip
KEPT = ("model", "averaged", "optimizer", "rng", "step", "metrics", "best", "scored")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Accelerate remembers its first settings; images and waiting take time."""
    monkeypatch.setattr(storage, "PAUSES", (0.05, 0.05))
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A set on disk; each test mends what it breaks."""
    folder = tmp_path_factory.mktemp("lost")
    for split, count in (("train", 10), ("val", 2)):
        write(folder, ShapesSet(split, count, size=64, max_objects=3))
    return folder


@pytest.fixture
def train(tiny, tmp_path, images):
    """Train on the set -> the run's folder."""

    def train(*overrides, name="run"):
        AcceleratorState._reset_state(reset_partial_state=True)
        folder = tmp_path / name
        engine.train(config.load(tiny, [f"work_dir={folder}", f"data.root={images}", *KNOBS, *overrides]))
        return folder

    return train


@pytest.fixture(scope="module")
def undisturbed(tiny, images, tmp_path_factory):
    """What a run comes to that nothing happens to."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    AcceleratorState._reset_state(reset_partial_state=True)
    engine.train(config.load(tiny, [f"work_dir={folder}", f"data.root={images}", *KNOBS]))
    return folder


@pytest.fixture
def at_image(monkeypatch, tmp_path):
    """Make something happen once, before a process reads its n-th image of a split."""

    def arrange(split, number, happens):
        count, image = [0], AnnotatedSet.image

        def counted(self, i):
            count[0] += self.root.name == split
            if self.root.name == split and count[0] == number and not (tmp_path / "happened").exists():
                (tmp_path / "happened").touch()
                happens(self.root)
            return image(self, i)

        monkeypatch.setattr(AnnotatedSet, "image", counted)

    return arrange


def away(root):
    root.rename(root.with_name("elsewhere"))


def back(root):
    root.with_name("elsewhere").rename(root)


def same(first, second) -> bool:
    """Whether two nested values are, tensors bit for bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def assert_same_end(first, second):
    one, other = (checkpoint.load(folder / "last.pt") for folder in (first, second))
    assert [key for key in KEPT if not same(one[key], other[key])] == []
    rows = [list(csv.DictReader((folder / "log.csv").open(newline=""))) for folder in (first, second)]
    assert [row["total"] for row in rows[0]] == [row["total"] for row in rows[1]] and len(rows[0]) == STEPS


@pytest.mark.parametrize(
    "knob", ["data.on_error=stop", "data.on_error=skip", pytest.param("data.workers=1", marks=pytest.mark.slow)]
)
def test_a_training_whose_folder_goes_is_saved_and_goes_on(train, undisturbed, at_image, images, tmp_path, knob):
    """The folder goes in the second half of step 4, whose first half is not trained on twice."""
    at_image("train", 3 * 4 + 3, away)
    with pytest.raises(Away, match=r"train is gone .*; train\.resume=auto goes on from step 3$"):
        train(knob)
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 3
    back(images / "images/train")
    assert_same_end(train(knob, "train.resume=auto"), undisturbed)


def test_an_image_that_goes_bad_costs_no_step_either(train, undisturbed, at_image, images):
    held = {}

    def cut(root):
        for path in root.iterdir():
            held[path] = path.read_bytes()
            path.write_bytes(held[path][:-20])

    at_image("train", 3 * 4 + 3, cut)
    with pytest.raises(ValueError, match=r"png is cut short.*; train\.resume=auto goes on from step 3$"):
        train()
    for path, data in held.items():
        path.write_bytes(data)
    assert_same_end(train("train.resume=auto"), undisturbed)


def test_a_bad_image_before_the_first_step_leaves_the_folder_free(train, at_image, images, tmp_path):
    at_image("train", 1, away)
    with pytest.raises(Away, match=r"seconds$"):
        train()
    back(images / "images/train")
    assert not (tmp_path / "run" / "last.pt").exists()
    train("train.steps=1")


def test_a_signal_ends_the_wait_for_images(train, undisturbed, at_image, images, monkeypatch):
    monkeypatch.setattr(storage, "PAUSES", (600,))

    def away_and_asked(root):
        away(root)
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGTERM]).start()

    at_image("train", 3 * 4 + 3, away_and_asked)
    since = time.monotonic()
    with pytest.raises(Interrupted, match=r"^stopped at step 3, .*; train\.resume=auto goes on from step 3$"):
        train()
    assert time.monotonic() - since < 300
    back(images / "images/train")
    assert_same_end(train("train.resume=auto"), undisturbed)


def test_an_evaluation_whose_folder_goes_is_done_again(train, undisturbed, at_image, images):
    at_image("val", 2, away)
    with pytest.raises(Away, match=rf"train\.resume=auto goes on with the evaluation after step {STEPS}$"):
        train("data.on_error=skip")
    back(images / "images/val")
    assert_same_end(train("data.on_error=skip", "train.resume=auto"), undisturbed)


def test_what_a_run_shows_of_an_evaluation_is_no_reason_to_end(train, undisturbed, at_image, images):
    at_image("val", 5, away)  # the first one of predictions.png, behind two evaluated and two of the validation loss
    assert_same_end(train(), undisturbed)
    back(images / "images/val")


def test_a_loader_process_that_dies_costs_no_step(train, undisturbed, at_image, tmp_path):
    at_image("train", 3 * 4 + 3, lambda root: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(Failed, match=r"signal 'Killed'.* goes on from the last save"):
        train("data.workers=1")
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 3
    assert_same_end(train("data.workers=1", "train.resume=auto"), undisturbed)


def test_a_loader_process_that_dies_during_an_evaluation_does_not_end_it(train, undisturbed, at_image):
    def kill(root):
        for worker in multiprocessing.active_children():
            worker.kill()
            worker.join()

    at_image("val", 1, kill)
    assert_same_end(train("data.workers=1"), undisturbed)
