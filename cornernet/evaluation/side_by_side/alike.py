"""What of two validation sets can be compared: the images that both have, annotated alike, and all classes of both."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from cornernet.evaluation.side_by_side.member import Member
from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found
from cornernet.system.wording import counted

Annotations = list[tuple]
Key = tuple[str, int]  # a name, and how many of that name came before: a file may give one twice


class Alike(NamedTuple):
    """The common images with their objects, in the order of the first set, and what each of the two found there."""

    truth: Truth
    found: tuple[Found, Found]
    places: list[int]  # of the images in the first set
    left_out: list[str]  # a line each: why images are not among them


def alike(first: Member, second: Member) -> Alike:
    """Two members -> what both have; raises ValueError where that is no image.

    Images are the same by their names, and annotated alike where each object has its equal, by class, box and crowd.
    Classes are the same by their names. Of images or classes of one name the first is the same as the first.
    """
    own, theirs = (dict(zip(keys(x.truth.names), annotations(x.truth), strict=True)) for x in (first, second))
    common = [key for key in own if key in theirs]
    kept = [key for key in common if own[key] == theirs[key]]
    left = _left_out(first, second, len(common), len(kept))
    if not kept:
        why = "; ".join(left) or "they have none"
        raise ValueError(f"{first.name} and {second.name} have no image in common: {why}")
    place = {key: at for at, key in enumerate(own)}
    classes = list(dict.fromkeys([*keys(first.truth.class_names), *keys(second.truth.class_names)]))
    truth = _restricted(first.truth, [place[key] for key in kept], classes)
    found = _moved(first, kept, truth, classes), _moved(second, kept, truth, classes)
    return Alike(truth, found, [place[key] for key in kept], left)


def keys(names: Sequence[str]) -> list[Key]:
    """Names -> each with how many of them came before."""
    seen: dict[str, count] = defaultdict(count)
    return [(name, next(seen[name])) for name in names]


def annotations(truth: Truth) -> list[Annotations]:
    """Truth -> of each image its objects, in an order that does not depend on the file."""
    held: list[Annotations] = [[] for _ in truth.image_ids]
    columns = truth.images, truth.labels, np.round(truth.boxes, 2), truth.crowd
    classes = keys(truth.class_names)
    for image, label, box, crowd in zip(*(x.tolist() for x in columns), strict=True):
        held[image].append((classes[label], *box, crowd))
    return [sorted(each) for each in held]


def _left_out(first: Member, second: Member, common: int, kept: int) -> list[str]:
    lines = [
        f"{counted(n, 'image')} of {one.name} {'is' if n == 1 else 'are'} not in the set of {other.name}"
        for one, other in ((first, second), (second, first))
        if (n := len(one.truth.names) - common)
    ]
    if common > kept:
        is_or_are = "is" if common - kept == 1 else "are"
        lines.append(f"{counted(common - kept, 'image')} of both {is_or_are} annotated otherwise")
    return lines


def _restricted(truth: Truth, places: list[int], classes: list[Key]) -> Truth:
    """Truth -> of these images, with these classes."""
    now = np.full(len(truth.image_ids), -1)
    now[places] = np.arange(len(places))
    rows = now[truth.images] >= 0
    return Truth(
        [truth.image_ids[i] for i in places], [truth.names[i] for i in places],
        list(range(len(classes))), [name for name, _ in classes],
        now[truth.images[rows]], _labels(truth, classes)[truth.labels[rows]], truth.boxes[rows], truth.areas[rows],
        truth.crowd[rows],
    )  # fmt: skip


def _moved(one: Member, kept: list[Key], truth: Truth, classes: list[Key]) -> Found:
    """Detections of a member in the terms of the common truth."""
    place = {key: at for at, key in enumerate(kept)}
    now = np.array([place.get(key, -1) for key in keys(one.truth.names)], np.int64)
    rows = now[one.found.images] >= 0
    labels = _labels(one.truth, classes)[one.found.labels[rows]]
    images, boxes, scores = now[one.found.images[rows]], one.found.boxes[rows], one.found.scores[rows]
    return Found(truth.image_ids, truth.category_ids, images, labels, boxes, scores)


def _labels(truth: Truth, classes: list[Key]) -> np.ndarray:
    """Place of each class of a truth among all."""
    return np.array([classes.index(key) for key in keys(truth.class_names)], np.int64)
