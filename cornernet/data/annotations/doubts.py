"""What the boxes of a set together say of how they were meant: each of them may be a box, and all of them nonsense."""

from typing import NamedTuple

import numpy as np

from cornernet.data.annotations.boxes import ROUNDING, SMALL, numeric
from cornernet.data.annotations.columns import Columns
from cornernet.data.annotations.images import identifier
from cornernet.data.problems import Problems
from cornernet.data.source import ImageRecord

MOST = 5000  # boxes that are looked at, evenly spread
NEARLY_ALL, MANY, SOME, FEW = 0.95, 0.2, 0.1, 3  # shares of the boxes, and a number from which on they count
CROWDED, WIDE, SPREAD = 20, 300, 60  # boxes, pixels of an image and per cent from which on 0..100 is told from pixels
CORNERS = "are they xyxy, [x1, y1, x2, y2], where a corner or centre with width and height is expected?"
CENTRE = "are x and y the centres of the boxes, where their left upper corners are expected?"
CORNER = "are x and y the left upper corners of the boxes, where their centres are expected?"
SIZES = "are their last two numbers width and height instead of a corner?"
EXCHANGED = "they would fit if width and height of the images were exchanged"
OTHER = "are the images of another size than those that were annotated?"


class Sample(NamedTuple):
    """Boxes that are four numbers, of images that are known."""

    boxes: np.ndarray  # [n, 4] float64, x, y, w, h as they were read
    sizes: np.ndarray  # [n, 2] float64, width and height of their images
    names: list[str]  # of their images


def doubt(entries: Columns, images: dict[int | str, ImageRecord | None], problems: Problems) -> str:
    """Entries of the annotations -> what is doubtful about all of them, for the sentence on one, or "".

    Raises ValueError where half of the boxes or more are fractions of their image, whatever on_error says: as pixels
    they are nothing.
    """
    seen = _sample(entries, images)
    if not len(seen.boxes):
        return ""
    _refuse_fractions(seen, problems)
    words = ""
    for kind, text, outcome in (_backward(seen), _leaving(seen), _per_cent(seen)):
        if kind:
            problems.repair(kind, text, outcome)
            words = words or text
    return words


def _sample(entries: Columns, images: dict[int | str, ImageRecord | None]) -> Sample:
    found = []
    for entry in map(entries.__getitem__, range(0, len(entries), 1 + len(entries) // MOST)):
        number = identifier(entry.get("image_id")) if isinstance(entry, dict) else None
        record = None if number is None else images.get(number)
        if record and numeric(entry.get("bbox")):
            found.append((entry["bbox"], (record.width, record.height), record.file_name))
    boxes, sizes = (np.array([x[at] for x in found], np.float64) for at in (0, 1))
    return Sample(boxes.reshape(-1, 4), sizes.reshape(-1, 2), [x[2] for x in found])


def _refuse_fractions(seen: Sample, problems: Problems) -> None:
    like = (abs(seen.boxes) <= 1.01).all(1) & (seen.boxes[:, 2:] > 0).all(1) & (seen.sizes.min(1) >= SMALL)
    if like.sum() < 0.5 * len(like) or not like.any():
        return
    first = int(np.flatnonzero(like)[0])
    width, height = seen.sizes[first].astype(int)
    problems.refuse(
        f"{like.sum()} of {len(like)} boxes look like fractions of the image, the first: {seen.boxes[first].tolist()} "
        f"of {seen.names[first]}, which is {width}x{height} pixels; expected pixels: multiply them by width and height"
    )


def _backward(seen: Sample) -> tuple[str, str, str]:
    """Kind, words and outcome where corners were expected and sizes given: many seem to end before they begin."""
    back = (seen.boxes[:, 2:] < 0).any(1)
    last = seen.boxes[:, :2] + seen.boxes[:, 2:]  # the two numbers as they were written
    fits = (last > 0).all(1) & _inside(seen.boxes[:, :2] + last, seen)
    if back.sum() < FEW or back.mean() < SOME or fits.mean() < NEARLY_ALL:
        return "", "", ""
    text = f"{back.sum()} of {len(seen.boxes)} boxes have a negative width or height: {SIZES}"
    return "sizes for corners", text, "taken for corners"


def _leaving(seen: Sample) -> tuple[str, str, str]:
    """The same where many boxes leave their images."""
    start, sides = seen.boxes[:, :2], seen.boxes[:, 2:]
    out = ~_inside(start + sides, seen) | (start < -ROUNDING).any(1)
    if out.sum() < FEW or out.mean() <= MANY:
        return "", "", ""
    text = f"{out.sum()} of {len(seen.boxes)} boxes leave their images: "
    for origin in (start, start + sides / 2):  # as COCO and as YOLO would have written it
        fits = (sides > origin).all(1) & (origin >= -ROUNDING).all(1) & _inside(sides, seen)
        if fits.mean() >= NEARLY_ALL:
            return "corners for sizes", text + CORNERS, "taken for width and height"
    for shift, words in ((-0.5, CENTRE), (0.5, CORNER)):
        meant = start + shift * sides
        if ((meant >= -ROUNDING).all(1) & _inside(meant + sides, seen)).mean() >= NEARLY_ALL:
            return "many boxes beyond their images", text + words, "clipped"
    turned = _inside(start + sides, seen._replace(sizes=seen.sizes[:, ::-1])) & (start >= -ROUNDING).all(1)
    return "many boxes beyond their images", text + (EXCHANGED if turned.mean() >= NEARLY_ALL else OTHER), "clipped"


def _per_cent(seen: Sample) -> tuple[str, str, str]:
    """The same where images are large and no box reaches beyond 100."""
    ends = seen.boxes[:, :2] + seen.boxes[:, 2:]
    if len(ends) < CROWDED or seen.sizes.min() < WIDE or not SPREAD < ends.max() <= 100.5 or (seen.boxes < 0).any():
        return "", "", ""
    text = f"none of {len(ends)} boxes reaches beyond 100 in images of at least {seen.sizes.min():.0f} pixels"
    return "boxes like per cent", f"{text}: are they per cent of the image?", "taken for pixels"


def _inside(points: np.ndarray, seen: Sample) -> np.ndarray:
    return np.all(points <= seen.sizes + ROUNDING, axis=1)
