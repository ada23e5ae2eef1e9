"""The images that came out best and worst, truth beside prediction."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from cornernet.data import Away, Source
from cornernet.drawing import draw as draw_boxes
from cornernet.drawing import grid
from cornernet.evaluation.report.images import Image
from cornernet.evaluation.report.matching import IGNORED, Tally, correct, shown, tally
from cornernet.prediction import Least

COUNT = 6  # of each kind
SIDE = 560  # pixels, longest side of an image beside its twin
MARK = "\N{BALLOT X}"  # before the name of a missed object or a wrong detection


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
    zoom = SIDE / max(image.shape[:2])
    size = [max(1, round(side * zoom)) for side in image.shape[1::-1]]
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_NEAREST)
    right, seen = correct(seen_on, partner), shown(seen_on, least)
    hit = np.isin(np.arange(len(seen_on.boxes)), partner[right & seen])
    truth = _marked(image, seen_on.boxes * zoom, seen_on.labels, None, names, (hit, ~hit & ~seen_on.crowd))
    good, bad = seen & (right | (partner == IGNORED)), seen & ~right & (partner != IGNORED)
    found = _marked(image, seen_on.found * zoom, seen_on.found_labels, seen_on.scores, names, (good, bad))
    return grid([truth, found], columns=2)


def _marked(
    image: np.ndarray, boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray | None, names: Sequence[str],
    groups: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:  # fmt: skip
    """Image with the boxes of two groups, masks [n]; the names of the second are marked."""
    xyxy = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    for group, texts in zip(groups, (names, [f"{MARK} {name}" for name in names]), strict=True):
        image = draw_boxes(image, xyxy[group], labels[group], None if scores is None else scores[group], texts)
    return image
