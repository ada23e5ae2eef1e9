"""The images that came out best and worst, truth beside prediction."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cornernet.data import Away, Source
from cornernet.drawing import fitted, grid, judged
from cornernet.evaluation.report.images import Image
from cornernet.evaluation.report.matching import IGNORED, Tally, correct, shown, tally
from cornernet.prediction import Least

COUNT = 6  # of each kind
SIDE = 560  # pixels, longest side of an image beside its twin


class Example(NamedTuple):
    """An image that was drawn."""

    name: str
    tally: Tally
    drawing: np.ndarray  # [h, w, 3] uint8, BGR, truth on the left, prediction on the right


def ranked(tallies: Sequence[Tally]) -> tuple[list[int], list[int]]:
    """Positions of the images best first, and of the other half worst first; those without anything are left out.

    Best is the highest F1, among equals the most objects found; worst the lowest F1, among equals the most errors;
    then the order of the set. No image is in both.
    """
    shown = [i for i, tally in enumerate(tallies) if any(tally)]
    best = sorted(shown, key=lambda i: (-tallies[i].f1, -tallies[i].right))
    worst = sorted(shown, key=lambda i: (tallies[i].f1, -tallies[i].wrong - tallies[i].missed))
    first = best[: (len(best) + 1) // 2]
    taken = set(first)
    return first, [i for i in worst if i not in taken]


def draw(
    source: Source, images: Sequence[Image], partners: Sequence[np.ndarray], order: Sequence[int],
    names: Sequence[str], least: Least,
) -> tuple[list[Example], list[str]]:  # fmt: skip
    """Draw the first COUNT readable images of an order -> them, and what hindered reading the others."""
    drawn: list[Example] = []
    unreadable: list[str] = []
    for i in order[: 4 * COUNT]:
        if len(drawn) == COUNT:
            break
        try:
            image = source.image(i)
        except (OSError, ValueError, Away) as error:
            unreadable.append(str(error))
            continue
        drawing = _side_by_side(image, images[i], partners[i], names, least)
        drawn.append(Example(images[i].name, tally(images[i], partners[i], least), drawing))
    return drawn, unreadable


def _side_by_side(
    image: np.ndarray, seen_on: Image, partner: np.ndarray, names: Sequence[str], least: Least
) -> np.ndarray:
    """Truth beside prediction, both of the same legible size; the names are written after resizing."""
    image, zoom = fitted(image, SIDE)
    right, seen = correct(seen_on, partner), shown(seen_on, least)
    hit = np.isin(np.arange(len(seen_on.boxes)), partner[right & seen])
    boxes, found = _xyxy(seen_on.boxes) * zoom, _xyxy(seen_on.found) * zoom
    truth = judged(image, boxes, seen_on.labels, None, names, (hit, ~hit & ~seen_on.crowd))
    good, bad = seen & (right | (partner == IGNORED)), seen & ~right & (partner != IGNORED)
    return grid([truth, judged(image, found, seen_on.found_labels, seen_on.scores, names, (good, bad))], columns=2)


def _xyxy(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
