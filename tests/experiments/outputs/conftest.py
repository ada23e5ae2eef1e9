"""Rows of a comparison made by hand, with the files that lie beside them."""

from types import SimpleNamespace

import numpy as np
import pytest

from cornernet.experiments import matches
from cornernet.experiments.matches import Matches
from cornernet.experiments.outputs.subject import Subject
from cornernet.experiments.results import Row

CLASSES = ["<script>alert(1)</script>", "a|b", "$x_1$"]
FIGURES = "AP", "AP50", "AP75", "AP90", "AP_small", "AP_medium", "AP_large"


class Images:
    """A validation set in memory, of images of which `broken` cannot be read."""

    class_names, origin = CLASSES, "the set"

    def __init__(self, names, broken=()):
        self.names, self.broken, self.reads = names, broken, []

    def __len__(self):
        return len(self.names)

    def record(self, i):
        return SimpleNamespace(file_name=self.names[i])

    def image(self, i):
        self.reads.append(self.names[i])
        if self.names[i] in self.broken:
            raise ValueError(f"{self.names[i]} is cut short")
        return np.full((90, 120, 3), 90, np.uint8)

    def boxes(self, i):
        return np.array([[10, 10, 50, 40]], np.float32)

    def labels(self, i):
        return np.array([1])


def found(hits, objects=2, scores=None) -> Matches:
    """An image for each list of hits, its detections of falling scores, all of the second class."""
    image = np.repeat(np.arange(len(hits)), [len(x) for x in hits])
    scores = np.linspace(0.9, 0.5, len(image)) if scores is None else np.array(scores)
    order = np.argsort(-scores, kind="stable")
    counts = np.zeros((len(hits), 3), np.int32)
    counts[:, 1] = objects
    flat = np.array([hit for each in hits for hit in each], bool)
    return Matches(
        np.array([f"<b>{i}.png" for i in range(len(hits))]), np.array(CLASSES), counts, image[order].astype(np.int32),
        scores[order].astype(np.float16), np.ones(len(image), np.int32), flat[order],
        np.tile(np.array([5, 5, 40, 30], np.float16), (len(image), 1)),
    )  # fmt: skip


def row(name, values, folder=None, hits=(), **more) -> Row:
    """Row of a member with an AP for each seed from 1; hits: of each seed, for `found`."""
    seeds = list(range(1, len(values) + 1))
    figures = {key: list(values) for key in FIGURES} | {f"AP[{text}]": list(values) for text in CLASSES}
    files = []
    for seed, of in zip(seeds, hits, strict=False):
        matches.save(found(of), folder / f"{name}-{seed}.npz")
        files.append(folder / f"{name}-{seed}.npz")
    label = {"loss.box.name": name}
    return Row(label, seeds, figures, [30.0] * len(seeds), [2.0] * len(seeds), [900.0] * len(seeds),
               [400] * len(seeds), **{"matches": files, **more})  # fmt: skip


@pytest.fixture
def hand():
    """Makers of rows, matches, images and what they are shown as."""

    def subject(rows, source=lambda: Images([]), courses=None, gradients=None):
        budget = "Equal steps: each member was trained for 400."
        return Subject("<i>compare</i>", budget, rows, courses or {}, gradients or {}, source)

    return SimpleNamespace(row=row, found=found, subject=subject, Images=Images, CLASSES=CLASSES)
