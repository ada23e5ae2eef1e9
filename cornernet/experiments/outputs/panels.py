"""Images on which two members differ: what is annotated, and beside it what each of them found."""

from collections.abc import Callable, Sequence

import numpy as np

from cornernet.data import Away, Source
from cornernet.drawing import captioned, fitted, grid, judged
from cornernet.experiments.matches import Matches
from cornernet.experiments.outputs import images

SIDE = 360  # pixels, longest side of one of the three
Sides = Sequence[tuple[str, Matches]]  # name and matches of both members


def draw(source: Callable[[], Source], sides: Sides, wanted: Sequence[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Validation set, members, names of images -> drawings of those that can be read, and what hindered the others.

    Drawings are [h, w, 3] uint8 BGR. The set may not be here at all.
    """
    drawn: dict[str, np.ndarray] = {}
    hindered: list[str] = []
    try:
        held = source()
    except (OSError, ValueError) as error:
        return drawn, [str(error)]
    places = {held.record(i).file_name: i for i in range(len(held))}
    for name in wanted:
        try:
            drawn[name] = _beside(held, places[name], sides, name)
        except KeyError:
            hindered.append(f"{held.origin} has no image {name}")
        except (OSError, ValueError, Away) as error:
            hindered.append(str(error))
    return drawn, hindered


def _beside(source: Source, place: int, sides: Sides, name: str) -> np.ndarray:
    """Truth, first and second member side by side, wrong detections marked."""
    image, zoom = fitted(source.image(place), SIDE)
    own = [list(map(str, found.classes)) for _, found in sides]
    classes = list(
        dict.fromkeys(text for names in (*own, source.class_names) for text in names)
    )  # of one colour in all
    labels = _labels(source.labels(place), source.class_names, classes)
    panels = [_panel("annotated", image, source.boxes(place) * zoom, labels, None, classes, labels >= 0)]
    for (member, found), names in zip(sides, own, strict=True):
        kept = (found.image == list(found.images).index(name)) & (found.scores >= images.least(found))
        boxes, scores = found.boxes[kept].astype(np.float64) * zoom, found.scores[kept].astype(np.float64)
        labels = _labels(found.labels[kept], names, classes)
        panels.append(_panel(member, image, boxes, labels, scores, classes, found.hits[kept]))
    return grid(panels, columns=3)


def _labels(labels: np.ndarray, names: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Places in names -> places in classes, which holds them all."""
    return np.array([classes.index(name) for name in names], np.int64)[labels]


def _panel(
    caption: str, image: np.ndarray, boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray | None,
    classes: Sequence[str], right: np.ndarray,
) -> np.ndarray:  # fmt: skip
    return captioned(judged(image, boxes, labels, scores, classes, (right, ~right)), caption)
