"""COCO json -> data set -> targets -> decoder -> original pixels: every annotated box comes back."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from cornernet.config import Nms
from cornernet.data import read
from cornernet.detectors.canvas import fit_size
from cornernet.detectors.corner.decode import decode
from cornernet.detectors.corner.targets import encode
from cornernet.prediction import detect, fit, to_original
from cornernet.structures import CornerMaps, CornerTargets, Detections

SETS = {  # annotations, images, boxes -> objects that share a corner's cell with another of their class, of another
    "bccd/train": ("bccd/annotations/train.json", "bccd/images", 2804, 4, 0),
    "bccd/val": ("bccd/annotations/val.json", "bccd/images", 1137, 2, 0),
    "coco_mini": ("coco_mini/annotations/instances_train2017.json", "coco_mini/images/train2017", 820, 6, 14),
}
STRIDE = 4


class Truth(nn.Module):
    """A detector that sees the annotated boxes of one image instead of the image."""

    def __init__(self, classes: int, with_offsets: bool):
        super().__init__()
        self.classes, self.with_offsets = classes, with_offsets

    def fit_size(self, height, width):
        return fit_size(height, width, 128, (0, 0))

    def show(self, image, boxes, labels):
        """Take boxes [n, 4] of an image, original pixels, to its canvas and make targets of them."""
        place = fit(self, image)
        boxes = boxes * np.array(place.factor * 2) + np.array(place.pad * 2)
        size = place.canvas.shape[:2]
        mask = torch.ones(1, len(boxes), dtype=torch.bool)
        self.targets = encode(
            torch.as_tensor(boxes)[None], torch.as_tensor(labels)[None], mask, self.classes, size,
            (size[0] // STRIDE, size[1] // STRIDE), margin=0,
        )  # fmt: skip
        return self.targets

    def predict(self, images):
        found = decode(maps(self.targets, self.with_offsets), top_k=200, ae_threshold=0.5, num_dets=2000)
        assert images.shape[-2:] == tuple(STRIDE * n for n in self.targets.tl_heat.shape[-2:])
        return Detections(found.boxes * STRIDE, *found[1:])


def maps(targets: CornerTargets, with_offsets: bool) -> CornerMaps:
    """What a network would show that had learnt its targets; without offsets a corner lies in the middle of its cell.

    Neighbouring bumps would hide each other's flanks but never a peak, so that peaks alone are shown. Tags agree.
    """
    heat = [torch.logit(x.eq(1).float(), 1e-6) for x in (targets.tl_heat, targets.br_heat)]
    height, width = targets.tl_heat.shape[-2:]
    offsets = [torch.full((1, 2, height * width), 0.5) for _ in range(2)]
    if with_offsets:
        for grid, index, offset in zip(offsets, targets[5:], targets[3:5], strict=True):
            grid[0, :, index[0]] = offset[0].T
    tags = [torch.zeros(1, 1, height, width) for _ in range(2)]
    return CornerMaps(*heat, *tags, *(grid.view(1, 2, height, width) for grid in offsets))


def shared_cells(targets: CornerTargets, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Objects [n] bool that share a corner's cell with one of their class, and those with one of another alone."""
    same, other = np.zeros(len(labels), bool), np.zeros(len(labels), bool)
    for index in (targets.tl_index[0].tolist(), targets.br_index[0].tolist()):
        cells, own = Counter(index), Counter(zip(index, labels.tolist(), strict=True))
        for i, (cell, label) in enumerate(zip(index, labels.tolist(), strict=True)):
            same[i] |= own[cell, label] > 1
            other[i] |= cells[cell] > own[cell, label]
    return same, other & ~same


def everything(detector: Truth, image: np.ndarray):
    return detect(detector, [image], nms=Nms(name="none", min_score=0.5), max_per_image=10**6)[0]


def before_thin_ones_are_dropped(detector: Truth, image: np.ndarray):
    """The same with the boxes whose corners lie in one row or column of cells: their middles span no area."""
    place = fit(detector, image)
    rows = detector.predict(torch.from_numpy(place.canvas).permute(2, 0, 1)[None])
    return to_original(Detections(*(x[0] for x in rows)), place)


def errors(found, boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Largest difference of an edge between each object and the nearest detection of its class, pixels [n]."""
    apart = np.abs(found.boxes.numpy()[None] - boxes[:, None]).max(-1)
    return np.where(found.labels.numpy()[None] == labels[:, None], apart, np.inf).min(1, initial=np.inf)


@pytest.mark.parametrize("with_offsets", [True, False])
@pytest.mark.parametrize("name", SETS)
def test_every_box_comes_back(shared, name, with_offsets):
    annotations, images, count, same_class, other_class = SETS[name]
    source = read(shared / "data" / annotations, shared / "data" / images)
    detector, seen = Truth(len(source.class_names), with_offsets), Counter()
    for i in range(len(source)):
        boxes, labels = source.boxes(i).astype(np.float64), source.labels(i)
        image = np.zeros((source.record(i).height, source.record(i).width, 3), np.uint8)
        targets = detector.show(image, boxes, labels)
        assert targets.mask.all()
        found = everything(detector, image) if with_offsets else before_thin_ones_are_dropped(detector, image)
        off = errors(found, boxes, labels)
        same, other = shared_cells(targets, labels)
        seen.update(boxes=len(boxes), same=int(same.sum()), other=int(other.sum()))
        exact = ~same & ~other if with_offsets else np.ones(len(boxes), bool)
        assert off[exact].max(initial=0) <= (1e-3 if with_offsets else STRIDE / 2 + 1e-3), source.record(i)
        assert off.max(initial=0) <= STRIDE
    assert (seen["boxes"], seen["same"], seen["other"]) == (count, same_class, other_class)
