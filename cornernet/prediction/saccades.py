"""Images by saccades: a glance at the whole image made small, then a close look at the places that it points to.

Law, Teng, Russakovsky, Deng: CornerNet-Lite, 2019, arXiv 1904.08900, section 3. Every view is a window of the image,
resized to the size of the network's input: in a glance the whole image, in a look what lies around a peak of an
attention map or a box of the glance, so large that an object of that kind has a side that is easy to see. Of places
that show the same the one of the best score counts. What is found in all views becomes one answer.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from cornernet.config import Saccade
from cornernet.data import cut, resize, scaled_size
from cornernet.prediction import canvas
from cornernet.prediction.canvas import Fitted
from cornernet.structures import Detections, Keypoints

NEAR = 16.0  # input pixels between the middles of two looks, along both axes, within which they show the same
ALIKE = (0.8, 1.2)  # ratio of their zooms
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


# views of images, and whether it is a glance -> (position of the view, what it showed), of flipped ones once more
See = Callable[[Sequence[Fitted], bool], Iterator[tuple[int, Found]]]


def searched(see: See, images: Sequence[np.ndarray], search: Search) -> list[list[Detections]]:
    """Images [h, w, 3] -> the rows of all views of each."""
    sizes = [image.shape[:2] for image in images]
    glances = [
        (index, side / max(size), canvas.place(image, scaled_size(size, side / max(size)), search.view))
        for index, (image, size) in enumerate(zip(images, sizes, strict=True))
        for side in search.rules.sides
    ]
    pools: list[list[Detections]] = [[] for _ in images]
    pointed: list[list[Place]] = [[] for _ in images]
    for at, found in see([seen for *_, seen in glances], True):
        index, zoom, _ = glances[at]
        pools[index].append(found.rows)
        pointed[index] += _pointed(found, zoom, search, sizes[index])
    looks = [
        (index, window(images[index], chosen, search.view))
        for index, places in enumerate(pointed)
        for chosen in _chosen(places, search.rules.crops)
    ]
    for at, found in see([seen for _, seen in looks], False) if looks else ():
        index, seen = looks[at]
        pools[index].append(whole(found.rows, seen, sizes[index]))
    return pools


def window(image: np.ndarray, place: Place, view: tuple[int, int]) -> Fitted:
    """What lies around a place, zeros beyond the image, at the size of the view."""
    height, width = (max(1, round(side / place.zoom)) for side in view)
    x0, y0 = round(place.x - width / 2), round(place.y - height / 2)
    factor = view[1] / width, view[0] / height
    shown, _ = resize(cut(image, x0, y0, (height, width)), np.zeros((0, 4)), view)
    return Fitted(shown, (-x0 * factor[0], -y0 * factor[1]), factor)


def whole(rows: Detections, seen: Fitted, size: tuple[int, ...]) -> Detections:
    """Rows in pixels of an image of (height, width) -> those that do not end at an edge of the window inside it."""
    limits = torch.tensor([size[1], size[0]])
    factor, side = torch.tensor(seen.factor), torch.tensor(seen.canvas.shape[1::-1])
    low = -torch.tensor(seen.pad) / factor
    high, near = low + side / factor, BORDER / factor
    before, behind = rows.boxes[:, :2] < low + near, rows.boxes[:, 2:] > high - near
    kept = ~(before & (low > 0) | behind & (high < limits)).any(1)
    return Detections(*(x[kept] for x in rows))


def _pointed(found: Found, zoom: float, search: Search, size: tuple[int, ...]) -> list[Place]:
    """What a glance at a zoom showed of an image of (height, width) -> where to look, by attention and by boxes."""
    rules, places = search.rules, []
    assert found.marks is not None, "it was a glance"
    for (x, y), score, level in zip(*(part.tolist() for part in found.marks), strict=True):
        closer = zoom * rules.zooms[level]
        if score > rules.attention and max(2 * zoom, closer) <= rules.most:
            places.append(Place(x, y, closer, score))
    for x1, y1, x2, y2 in found.rows.boxes[found.rows.scores > rules.box].tolist():
        side = max(x2 - x1, y2 - y1, 1.0)
        level = sum(side <= limit for limit in search.sizes)
        # no farther away than the glance was
        places.append(Place((x1 + x2) / 2, (y1 + y2) / 2, min(max(rules.targets[level] / side, zoom), rules.most), 1.0))
    return [place for place in places if 0 <= place.x <= size[1] and 0 <= place.y <= size[0]]


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
