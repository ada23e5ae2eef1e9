"""What of a data set decides how it is trained on: sizes of images and objects, counts, crowding, classes."""

from typing import NamedTuple

import numpy as np
import torch
from torchvision.ops import box_iou

from cornernet.data import Contents

LOOKED_AT = 2000  # images whose objects are compared with each other, evenly spread
COMPARED = 1000  # objects of an image that are compared with each other
OVERLAP = 0.5  # IoU of two objects of one class from which NMS may take them for one


class ClassFacts(NamedTuple):
    """What is known of a class; sides are roots of areas."""

    name: str
    images: int  # with an object of it
    objects: int
    side: float  # median, pixels of the images; 0 without objects


class Facts(NamedTuple):
    """What was measured of a training set that has an object at least."""

    images: int
    longer: float  # median of the images' longer sides in pixels
    height: float  # 75th percentile of the images' heights as shares of their longer side, so that most are seen whole
    width: float  # the same of their widths
    small: float  # 5th percentile of the objects' sides as shares of their image's longer side
    most: int  # objects on the fullest image
    busy: float  # 95th percentile of the objects on an image
    overlapping: float  # share of the objects that overlap another of their class by OVERLAP or more
    spread: float  # 90th percentile of the sides in a class over its 10th; median over the objects' classes
    told: float  # share of the objects whose class the nearest mean size names, each class counting the same
    classes: list[ClassFacts]

    @property
    def seen(self) -> list[ClassFacts]:
        """Classes that have an object."""
        return [each for each in self.classes if each.objects]


def measured(held: Contents, names: list[str]) -> Facts:
    """Objects of a training set, one at least, and names of its classes -> Facts."""
    longer = held.sizes.max(1)
    width, height = np.percentile(held.sizes / longer[:, None], 75, axis=0)
    lengths = np.maximum((held.boxes[:, 2:] - held.boxes[:, :2]).astype(np.float64), 1e-3)
    sides, counts = np.sqrt(lengths.prod(1)), held.per_image()
    shares = lengths / longer[held.image, None]
    return Facts(
        images=len(held.sizes),
        longer=float(np.median(longer)),
        height=float(height),
        width=float(width),
        small=float(np.percentile(np.sqrt(shares.prod(1)), 5)),
        most=int(counts.max()),
        busy=float(np.percentile(counts, 95)),
        overlapping=_overlapping(held),
        spread=_spread(np.sqrt(shares.prod(1)), held.labels),
        told=_told_by_size(np.log(shares), held.labels),
        classes=[_class(name, held, held.labels == label, sides) for label, name in enumerate(names)],
    )


def _class(name: str, held: Contents, mine: np.ndarray, sides: np.ndarray) -> ClassFacts:
    found = int(mine.sum())
    return ClassFacts(name, len(np.unique(held.image[mine])), found, float(np.median(sides[mine])) if found else 0.0)


def _overlapping(held: Contents) -> float:
    """Share of the objects looked at that overlap another of their class and image."""
    seen = found = 0
    starts = np.searchsorted(held.image, np.arange(len(held.sizes) + 1))
    filled = np.flatnonzero(np.diff(starts))
    for i in filled[np.linspace(0, len(filled) - 1, min(LOOKED_AT, len(filled))).astype(int)].tolist():
        rows = slice(int(starts[i]), min(int(starts[i + 1]), int(starts[i]) + COMPARED))
        boxes, labels = torch.from_numpy(held.boxes[rows]), torch.from_numpy(held.labels[rows])
        near = (box_iou(boxes, boxes) >= OVERLAP) & (labels[:, None] == labels) & ~torch.eye(len(boxes)).bool()
        seen, found = seen + len(boxes), found + int(near.any(1).sum())
    return found / seen


def _spread(sides: np.ndarray, labels: np.ndarray) -> float:
    """How much the sides within a class differ, of the class of the median object."""
    ratios = np.ones(int(labels.max()) + 1)
    for label in np.unique(labels):
        low, high = np.percentile(sides[labels == label], (10, 90))
        ratios[label] = high / low
    return float(np.median(ratios[labels]))


def _told_by_size(sizes: np.ndarray, labels: np.ndarray) -> float:
    """Logarithms of widths and heights [N, 2], labels -> mean over the classes of what the nearest mean gets right."""
    classes = np.unique(labels)
    means = np.stack([sizes[labels == label].mean(0) for label in classes])
    nearest = np.zeros(len(sizes), np.int64)
    best = np.full(len(sizes), np.inf)
    for label, mean in zip(classes.tolist(), means, strict=True):  # one after the other: [N, classes] may be large
        apart = ((sizes - mean) ** 2).sum(1)
        nearest, best = np.where(apart < best, label, nearest), np.minimum(apart, best)
    return float(np.mean([(nearest[labels == label] == label).mean() for label in classes]))
