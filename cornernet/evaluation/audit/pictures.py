"""What a finding looks like: what is labelled on the left, what was found on the right."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from cornernet.data import Source
from cornernet.drawing import draw, grid, outlines
from cornernet.evaluation.audit.finding import Finding

SIDE = 230  # pixels, longest side of each of the two
MARGIN = 0.75  # of the longer side of the boxes, around them
LEAST = 64  # pixels of the image, the shortest side of what is shown of it


def picture(found: Finding, sources: Mapping[str, Source], split: str) -> np.ndarray:
    """A finding about an image of a split -> [h, w, 3] uint8 BGR; raises as `Source.image` does."""
    source = sources[split]
    image = source.image(found.position)
    if found.other is not None:
        return grid([_fitted(image)[0], _fitted(sources[found.other[0]].image(found.other[1]))[0]], columns=2)
    boxes, labels = source.boxes(found.position), source.labels(found.position)
    shown = [np.array(box) for box in (found.box, found.box_found) if box is not None]
    x1, y1, x2, y2 = _window(np.stack(shown), image.shape)
    part, zoom = _fitted(image[y1:y2, x1:x2])
    shift = np.array([x1, y1, x1, y1])
    left = outlines(part, (boxes - shift) * zoom, labels)
    left = _drawn(left, found.box, found.class_said, None, source.class_names, shift, zoom)
    right = _drawn(part, found.box_found, found.class_found, found.score, source.class_names, shift, zoom)
    return grid([left, right], columns=2)


def _drawn(
    image: np.ndarray, box: Sequence[float] | None, name: str | None, score: float | None, names: Sequence[str],
    shift: np.ndarray, zoom: float,
) -> np.ndarray:  # fmt: skip
    """Image with a box of the whole image on this part of it; without a box as it is."""
    if box is None or name is None:
        return image
    return draw(image, [(np.array(box) - shift) * zoom], [names.index(name)], None if score is None else [score], names)


def _window(boxes: np.ndarray, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Boxes [n, 4] and the shape of their image -> what is shown of it, x1 y1 x2 y2."""
    first, last = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    margin = np.maximum(MARGIN * (last - first).max(), (LEAST - (last - first)) / 2)
    size = np.array([shape[1], shape[0]])
    x1, y1 = np.clip(np.floor(first - margin), 0, size - 1).astype(int).tolist()
    x2, y2 = np.clip(np.ceil(last + margin), (x1 + 1, y1 + 1), size).astype(int).tolist()
    return x1, y1, x2, y2


def _fitted(image: np.ndarray) -> tuple[np.ndarray, float]:
    """Image -> the same with SIDE pixels on its longest side, and the zoom."""
    zoom = SIDE / max(image.shape[:2])
    size = [max(1, round(side * zoom)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR), zoom
