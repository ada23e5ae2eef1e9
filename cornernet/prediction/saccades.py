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
from cornernet.data.geometry import cut, resize
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


# windows of images, and whether it is a glance -> (position of the window, what it showed), of flipped ones once more
See = Callable[[Sequence[Fitted], bool], Iterator[tuple[int, Found]]]


def searched(see: See, images: Sequence[np.ndarray], search: Search) -> list[list[Detections]]:
    """Images [h, w, 3] -> the rows of all views of each."""
    glances = [_glances(image, search) for image in images]
    first = _views(see, images, glances, search, True)
    looks = [_chosen(_pointed(seen, search), search.rules.crops) for seen in first]
    second = _views(see, images, looks, search, False)
    return [[found.rows for _, found in (*both[0], *both[1])] for both in zip(first, second, strict=True)]


def _glances(image: np.ndarray, search: Search) -> list[Place]:
    height, width = image.shape[:2]
    return [Place(width / 2, height / 2, side / max(height, width), 1.0) for side in search.rules.sides]


def _views(
    see: See, images: Sequence[np.ndarray], places: Sequence[Sequence[Place]], search: Search, glance: bool
) -> list[list[tuple[Place, Found]]]:
    """Images and places in each -> what is seen there, less what the edge of a window cuts off."""
    asked = [(index, place) for index, own in enumerate(places) for place in own]
    windows = [window(images[index], place, search.view) for index, place in asked]
    seen: list[list[tuple[Place, Found]]] = [[] for _ in images]
    for at, found in see(windows, glance) if windows else ():
        index, place = asked[at]
        rows = whole(found.rows, windows[at], images[index].shape[:2])
        seen[index].append((place, found._replace(rows=rows)))
    return seen


def window(image: np.ndarray, place: Place, view: tuple[int, int]) -> Fitted:
    """What lies around a place, zeros beyond the image, at the size of the view."""
    height, width = (max(1, round(side / place.zoom)) for side in view)
    x0, y0 = round(place.x - width / 2), round(place.y - height / 2)
    factor = view[1] / width, view[0] / height
    canvas, _ = resize(cut(image, x0, y0, (height, width)), np.zeros((0, 4)), view)
    return Fitted(canvas, (-x0 * factor[0], -y0 * factor[1]), factor)


def whole(rows: Detections, seen: Fitted, size: tuple[int, ...]) -> Detections:
    """Rows in pixels of an image of (height, width) -> those that do not end at an edge of the window inside it."""
    limits = torch.tensor([size[1], size[0]])
    factor, side = torch.tensor(seen.factor), torch.tensor(seen.canvas.shape[1::-1])
    low = -torch.tensor(seen.pad) / factor
    high, near = low + side / factor, BORDER / factor
    before, behind = rows.boxes[:, :2] < low + near, rows.boxes[:, 2:] > high - near
    kept = ~(before & (low > 0) | behind & (high < limits)).any(1)
    return Detections(*(x[kept] for x in rows))


def _pointed(seen: Sequence[tuple[Place, Found]], search: Search) -> list[Place]:
    """What glances showed -> the places to look at, of attention and of boxes."""
    rules, found = search.rules, []
    for glance, (rows, marks) in seen:
        assert marks is not None, "it was a glance"
        for (x, y), score, level in zip(*(part.tolist() for part in marks), strict=True):
            zoom = glance.zoom * rules.zooms[level]
            if score > rules.attention and 2 * glance.zoom <= rules.most and zoom <= rules.most:
                found.append(Place(x, y, zoom, score))
        for x1, y1, x2, y2 in rows.boxes[rows.scores > rules.box].tolist():
            side = max(x2 - x1, y2 - y1)
            level = sum(side <= size for size in search.sizes)
            zoom = min(rules.targets[level] / max(side, 1e-6), rules.most)
            found.append(Place((x1 + x2) / 2, (y1 + y2) / 2, zoom, 1.0))
    return found


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
