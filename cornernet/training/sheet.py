"""predictions.png: what a detector finds on some validation images, beside what is annotated on them."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cornernet import drawing
from cornernet.config import Config
from cornernet.data import Away, Source
from cornernet.detectors import Detector
from cornernet.prediction import DRAWN, Least, inference, of_labels
from cornernet.structures import ImageDetections
from cornernet.system.wording import counted

COUNT = 6


def predictions(
    detector: Detector, source: Source, settings: Config, least: Least = DRAWN,
    f1: Mapping[Any, float] | None = None, count: int = COUNT,
) -> np.ndarray | None:  # fmt: skip
    """Image of `count` readable images of a source, truth beside prediction, uint8 BGR; None without any.

    Half of them are spread over the set, the same ones after every evaluation, and half are those of the lowest F1;
    f1: by image id; without it all are spread. least: score from which detections are drawn, or one for each class.
    """
    typical, worst = count - count // 2 if f1 else count, _worst(source, f1 or {})
    images = dict(itertools.islice(_readable(source, _spread(len(source), typical)), typical))
    others = [i for i in dict.fromkeys([*worst, *range(len(source))]) if i not in images]
    images |= dict(itertools.islice(_readable(source, others), count - len(images)))
    found = inference.detect(detector, list(images.values()), **inference.settings(settings))
    style = drawing.Style(settings.test.draw_line, settings.test.draw_labels)
    panels = [
        drawing.truth_and_predictions(
            image, source.boxes(i), source.labels(i), detections, source.class_names, least, style,
            _captions(source, i, detections, least, f1 or {}, i in others and i in worst),
        )
        for (i, image), detections in zip(images.items(), found, strict=True)
    ]  # fmt: skip
    return drawing.grid(panels, columns=2) if panels else None


def _captions(
    source: Source, i: int, found: ImageDetections, least: Least, f1: Mapping[Any, float], worst: bool
) -> tuple[str, str]:
    record, labels = source.record(i), found.labels.numpy()
    shown = int((found.scores.numpy() >= of_labels(least, labels)).sum())
    how = f", F1 {f1[record.image_id]:.2f}" if record.image_id in f1 else ""
    truth = f"ground truth, {counted(len(source.labels(i)), 'object')}: {record.file_name}"
    return truth, f"prediction, {counted(shown, 'object')}{how}{', among the worst' if worst else ''}"


def _spread(images: int, count: int) -> list[int]:
    """All positions, those first that divide the set into equal parts."""
    first = [(2 * k + 1) * images // (2 * count) for k in range(min(count, images))]
    return list(dict.fromkeys([*first, *range(images)]))


def _worst(source: Source, f1: Mapping[Any, float]) -> list[int]:
    """Positions of the images of a known F1 below 1, lowest first, of equal ones those with most objects."""
    known = {i: f1.get(source.record(i).image_id, 1.0) for i in range(len(source) if f1 else 0)}
    below = [i for i, value in known.items() if value < 1]
    return sorted(below, key=lambda i: (known[i], -len(source.labels(i))))


def _readable(source: Source, order: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Images that can be read; the evaluation before has named the others, or stopped at them."""
    for i in order:
        try:
            image = source.image(i)
        except (OSError, ValueError, Away):
            continue
        yield i, image
