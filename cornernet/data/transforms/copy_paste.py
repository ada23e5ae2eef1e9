"""Objects of another image, cut out by their boxes and put anywhere. After Dwibedi et al., 2017, arXiv 1708.01642."""

from collections.abc import Callable

import numpy as np

from cornernet.config.ranges import COUNT, SHARE, Interval
from cornernet.data.geometry import between, covered, kept, place, resize, scaled_size
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"p": SHARE, "count": COUNT, "scales": Interval(0.0, 10, "(]"), "soft": Interval(0, 0.5, "[]"), "least": SHARE}
SCALES = [0.7, 1.4]


def copy_paste(
    sample: LabelledImage,
    rng: np.random.Generator,
    others: Callable[[int], list[LabelledImage]],
    p: float = 0.5,
    count: int = 3,
    scales: list[float] = SCALES,
    soft: float = 0.1,
    least: float = 0.3,
) -> LabelledImage:
    """Put boxes of another image over this one, each at a random place, with all objects that lie in it.

    p: probability. count: most boxes. scales: smallest and largest factor of their size. soft: share of a box's sides
    over which it fades into the image; 0: a plain edge. least: share of an object that must be left, in the box that
    is cut out and under the boxes that come to lie over it; see `geometry.kept`.
    """
    if rng.random() >= p:
        return sample
    (other,) = others(1)
    wanted = int(rng.integers(1, count + 1))
    if not len(other.boxes):
        return sample
    chosen = [
        _cut_out(other, which, between(rng, scales), sample, least)
        for which in rng.integers(len(other.boxes), size=wanted)
    ]
    image, on_top = sample.image.copy(), np.zeros(sample.image.shape[:2], np.int32)  # which box is uppermost, 0: none
    found = [sample]
    for number, part in enumerate(chosen, 1):
        rows, columns = part.image.shape[:2]
        y, x = place(rng, image.shape, (rows, columns))
        _blend(image[y : y + rows, x : x + columns], part.image, soft)
        on_top[y : y + rows, x : x + columns] = number
        found.append(part._replace(boxes=part.boxes + np.array([x, y, x, y])))
    seen = [kept(one._replace(image=image), least, covered(one.boxes, on_top > at)) for at, one in enumerate(found)]
    return LabelledImage(image, *(np.concatenate(x) for x in list(zip(*seen, strict=True))[1:]))


def _cut_out(other: LabelledImage, which: int, scale: float, onto: LabelledImage, least: float) -> LabelledImage:
    """One box of an image with the objects in it, resized, but not beyond the size of what it is put onto."""
    box = other.boxes[which]
    (x1, y1), (x2, y2) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
    part = kept(LabelledImage(other.image[y1:y2, x1:x2], other.boxes - np.array([x1, y1, x1, y1]), other.labels), least)
    sides, room = part.image.shape[:2], onto.image.shape[:2]
    rows, columns = scaled_size(sides, min(scale, *np.divide(room, sides)))
    image, boxes = resize(part.image, part.boxes, (min(rows, room[0]), min(columns, room[1])))
    return LabelledImage(image, boxes, part.labels)


def _blend(under: np.ndarray, over: np.ndarray, soft: float) -> None:
    """Put an image [H, W, 3] uint8 over another of its size, in place, fading over this share of its sides."""
    if soft == 0:
        under[:] = over
        return
    fades = []
    for length in over.shape[:2]:
        edge = np.minimum(np.arange(length) + 0.5, length - np.arange(length) - 0.5)
        fades.append(np.minimum(edge / (soft * length), 1))
    share = (fades[0][:, None] * fades[1])[..., None]
    under[:] = (share * over + (1 - share) * under).round()
