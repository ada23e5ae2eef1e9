"""Images by saccades: a glance at the whole image made small, then a close look at the places that it points to.

Law, Teng, Russakovsky, Deng: CornerNet-Lite, 2019, arXiv 1904.08900, section 3. Every view is a window of the image,
resized to the size of the network's input: in a glance the whole image, in a look what lies around a peak of an
attention map or a box of the glance, so large that an object of that kind has a side that is easy to see. Of places
that show the same the one of the best score counts. What is found in all views becomes one answer.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from cornernet.config import Saccade
from cornernet.data import scaled_size, view
from cornernet.prediction import canvas
from cornernet.prediction.canvas import Fitted
from cornernet.structures import Detections, Keypoints

NEAR = 16.0  # input pixels between the middles of two looks, along both axes, within which they show the same
ALIKE = (0.8, 1.2)  # ratio of their zooms
PART = 0.5  # pixels of the image by which an edge lies inside it
BORDER = 4.0  # input pixels from the edge of a window within which a box ends there for want of more to see


class Search(NamedTuple):
    """How images are searched, and by what network."""

    rules: Saccade
    view: tuple[int, int]  # (height, width) of its input
    sizes: Sequence[float]  # model.attention.sizes


class Place(NamedTuple):
    """Where to look in an image."""

    x: float  # of the middle, pixels of the image
    y: float
    zoom: float  # input pixels of a pixel of the image
    score: float


class Found(NamedTuple):
    """What one view showed, in pixels of the image."""

    rows: Detections  # valid ones alone
    marks: Keypoints | None  # of a glance


Item = TypeVar("Item")
# views of images, and whether it is a glance -> (position of the view, what it showed), of flipped ones once more
See = Callable[[Sequence[Fitted], bool], Iterator[tuple[int, Found]]]


def searched(see: See, images: Sequence[np.ndarray], search: Search, batch: int) -> list[list[Detections]]:
    """Images [h, w, 3] -> the rows of all views of each; so many views are made at once."""
    sizes = [image.shape[:2] for image in images]
    pools: list[list[Detections]] = [[] for _ in images]
    pointed: list[list[Place]] = [[] for _ in images]
    glances = [(index, side / max(size)) for index, size in enumerate(sizes) for side in search.rules.sides]
    for part in _parts(glances, batch):
        shown = [canvas.place(images[at], scaled_size(sizes[at], zoom), search.view) for at, zoom in part]
        for row, found in see(shown, True):
            index, zoom = part[row]
            sure = found.rows.scores > search.rules.keep
            pools[index].append(Detections(*(x[sure] for x in found.rows)))
            pointed[index] += _pointed(found, zoom, search, sizes[index])
    looks = [(index, place) for index, own in enumerate(pointed) for place in _chosen(own, search.rules.crops)]
    for part in _parts(looks, batch):
        shown = [window(images[at], place, search.view) for at, place in part]
        for row, found in see(shown, False):
            index, _ = part[row]
            pools[index].append(whole(found.rows, shown[row], sizes[index]))
    return pools


def _parts(items: Sequence[Item], count: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + count] for start in range(0, len(items), count))


def window(image: np.ndarray, place: Place, size: tuple[int, int]) -> Fitted:
    """What lies around a place, zeros beyond the image, at the size of the view."""
    start = place.x - size[1] / place.zoom / 2, place.y - size[0] / place.zoom / 2
    return Fitted(*view(image, start, place.zoom, size))


def whole(rows: Detections, seen: Fitted, size: tuple[int, ...]) -> Detections:
    """Rows in pixels of an image of (height, width) -> those that do not end at an edge of the window inside it."""
    factor, pad = np.array(seen.factor), np.array(seen.pad)
    low = -pad / factor
    high, near = low + np.array(seen.canvas.shape[1::-1]) / factor, BORDER / factor
    inside = np.concatenate([low > PART, high < np.array(size[::-1]) - PART])  # edges that lie inside the image
    limits = np.concatenate([low + near, near - high])
    boxes = rows.boxes.double() * torch.tensor([1, 1, -1, -1])
    kept = ~((boxes < torch.from_numpy(limits)) & torch.from_numpy(inside)).any(1)
    return Detections(*(x[kept] for x in rows))


def _pointed(found: Found, zoom: float, search: Search, size: tuple[int, ...]) -> list[Place]:
    """What a glance at a zoom showed of an image of (height, width) -> where to look, by attention and by boxes."""
    rules, places = search.rules, []
    assert found.marks is not None, "it was a glance"
    for (x, y), score, level in zip(*(part.tolist() for part in found.marks), strict=True):
        closer = zoom * rules.zooms[level]
        if score > rules.attention and max(2 * zoom, closer) <= rules.most:  # else it is large already
            places.append(Place(x, y, closer, score))
    for x1, y1, x2, y2 in found.rows.boxes[found.rows.scores > rules.box].tolist():
        side = max(x2 - x1, y2 - y1, 1.0)
        level = sum(side <= limit for limit in search.sizes)
        # no farther away than the glance was
        places.append(Place((x1 + x2) / 2, (y1 + y2) / 2, min(max(rules.targets[level] / side, zoom), rules.most), 1.0))
    return [inside for place in places if (inside := _inside(place, size)) is not None]


def _inside(place: Place, size: tuple[int, ...]) -> Place | None:
    """A place in an image of (height, width), moved into it from nearby: the middle of a cell that shows its edge."""
    x, y = min(max(place.x, 0), size[1]), min(max(place.y, 0), size[0])
    return None if max(abs(x - place.x), abs(y - place.y)) > NEAR / place.zoom else place._replace(x=x, y=y)


def _chosen(places: Sequence[Place], count: int) -> list[Place]:
    """The best places, none of which shows what a better one does."""
    kept: list[Place] = []
    for place in sorted(places, key=lambda place: -place.score):
        if len(kept) < count and not any(_same(place, other) for other in kept):
            kept.append(place)
    return kept


def _same(place: Place, other: Place) -> bool:
    apart = max(abs(place.x - other.x), abs(place.y - other.y))
    return apart <= NEAR / other.zoom and ALIKE[0] <= place.zoom / other.zoom <= ALIKE[1]
