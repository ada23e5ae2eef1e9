"""The objects of any source in arrays, and the facts of a data set that are worth knowing before a training."""

from typing import NamedTuple

import numpy as np

from cornernet.data.problems import short
from cornernet.data.source import Source
from cornernet.system.wording import counted

LISTED = 8  # classes that are named with their objects


class Contents(NamedTuple):
    """All objects of a source but crowds, by image."""

    sizes: np.ndarray  # [images, 2] int64, width and height
    image: np.ndarray  # [N] int64, position of the object's image
    boxes: np.ndarray  # [N, 4] float32, xyxy
    labels: np.ndarray  # [N] int64
    crowds: int  # regions that are no training objects

    def per_image(self) -> np.ndarray:
        """Objects of each image, [images] int64."""
        return np.bincount(self.image, minlength=len(self.sizes))


def contents(source: Source) -> Contents:
    """Source -> Contents; a set that is drawn is drawn once for it."""
    sizes = np.array([source.record(i)[2:] for i in range(len(source))], np.int64).reshape(-1, 2)
    if (rows := source.objects) is not None:
        kept = ~rows.iscrowd
        image = np.repeat(np.arange(len(source)), np.diff(rows.start))[kept]
        return Contents(sizes, image, rows.boxes[kept], rows.labels[kept], int(rows.iscrowd.sum()))
    parts = [(source.boxes(i), source.labels(i)) for i in range(len(source))]
    image = np.repeat(np.arange(len(parts)), [len(boxes) for boxes, _ in parts])
    boxes, labels = (np.concatenate(x) for x in zip(*parts, strict=True))
    return Contents(sizes, image, boxes, labels, 0)


def facts(source: Source, held: Contents) -> list[tuple[str, str]]:
    """Name and text of what a person would ask of a data set."""
    counts = held.per_image()
    found = [("images", f"{len(source)}, {int((counts == 0).sum())} of them without objects")]
    if len(held.sizes):
        found.append(("width, height", " and ".join(_span(side) for side in held.sizes.T) + " pixels"))
    crowds = f" and {counted(held.crowds, 'crowd')}" if held.crowds else ""
    found.append(("objects", f"{len(held.boxes)}{crowds} of {counted(len(source.class_names), 'class')}"))
    if len(held.boxes):
        most = int(counts.argmax())
        found.append(("an image", f"{counts.mean():.1f} objects on average, {counts[most]} in {name(source, most)}"))
        sides = np.sqrt((held.boxes[:, 2:] - held.boxes[:, :2]).astype(np.float64).prod(1))
        found.append(("box side", f"{_span(sides)} pixels (root of the area)"))
    return [*found, ("classes", _classes(source, held)), *source.notes]


def name(source: Source, i: int) -> str:
    """File name of an image, fit to be printed."""
    return short(source.record(int(i)).file_name)


def _span(values: np.ndarray) -> str:
    low, high = values.min(), values.max()
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g} (median {np.median(values):.4g})"


def _classes(source: Source, held: Contents) -> str:
    """The most and least frequent ones with their objects."""
    counts = np.bincount(held.labels, minlength=len(source.class_names))
    order = np.argsort(-counts, kind="stable")
    each = [f"{source.class_names[i]} {counts[i]}" for i in order]
    if len(each) > LISTED:
        each = [*each[: LISTED - 2], "...", *each[-2:]]
    return ", ".join(each)
