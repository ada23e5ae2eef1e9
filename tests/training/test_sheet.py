"""predictions.png: which images it shows, and what it says of them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cornernet import drawing
from cornernet.config import Config
from cornernet.structures import ImageDetections
from cornernet.training import sheet
from cornernet.training.sheet import predictions


class Source:
    """Images of which one cannot be read; image i has i % 3 objects."""

    class_names = ("thing",)

    def __init__(self, count=4, bad=1):
        self.count, self.bad = count, bad

    def __len__(self):
        return self.count

    def image(self, i):
        if i == self.bad:
            raise ValueError("cut short")
        return np.full((8, 8, 3), i, np.uint8)

    def boxes(self, i):
        return np.tile(np.array([[1, 1, 5, 5]], np.float32), (i % 3, 1))

    def labels(self, i):
        return np.zeros(i % 3, np.int64)

    def record(self, i):
        return SimpleNamespace(file_name=f"{i}.png", image_id=f"id{i}")


@pytest.fixture
def seen(monkeypatch):
    """Numbers of the images that were predicted, and (truth, prediction) captions."""
    shown, captions = [], []

    def detect(detector, images, **settings):
        shown.extend(int(image[0, 0, 0]) for image in images)
        one = ImageDetections(torch.tensor([[1.0, 1, 5, 5]] * 2), torch.tensor([0.9, 0.1]), torch.zeros(2).long())
        return [one for _ in images]

    inner = drawing.truth_and_predictions
    monkeypatch.setattr(drawing, "truth_and_predictions", lambda *args: captions.append(args[-1]) or inner(*args))
    monkeypatch.setattr(sheet.inference, "detect", detect)
    return shown, captions


def test_what_cannot_be_read_is_left_out(seen):
    assert predictions(None, Source(), Config(), count=2) is not None and seen[0] == [3, 0]
    assert predictions(None, [], Config()) is None


def test_half_are_spread_and_half_the_worst(seen):
    f1 = {f"id{i}": 0.9 for i in range(60)} | {"id7": 0.0, "id8": 0.0, "id1": 0.1, "id10": 0.0, "id40": 1.0}
    predictions(None, Source(60), Config(), 0.3, f1)
    assert seen[0] == [10, 30, 50, 8, 7, 2]  # of F1 0 that with two objects first; 1 cannot be read
    truth, found = seen[1][3]
    assert truth == "ground truth, 2 objects: 8.png" and found == "prediction, 1 object, F1 0.00, among the worst"
    assert seen[1][0] == ("ground truth, 1 object: 10.png", "prediction, 1 object, F1 0.00")


def test_a_set_without_mistakes_is_shown_all_the_same(seen):
    f1 = {f"id{i}": 1.0 for i in range(8)}
    predictions(None, Source(8), Config(), 0.3, f1)
    assert seen[0] == [4, 6, 0, 2, 3, 5] and not any("worst" in text for _, text in seen[1])
