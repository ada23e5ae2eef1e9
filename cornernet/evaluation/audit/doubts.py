"""Which labels of a set its detections contradict, and how surely.

The sureness of a doubt is the probability that the label is wrong and not the detector, where PRIOR of the labels are
wrong before anything is seen. It is made of: t, whether a detection of this score is of an object, learnt from those
that match a label or touch none; k, whether its class is right, learnt from those that match (`reliance`), both as
`doubt` weighs them against the prior; off, whether two boxes are of different places (`reliance.Law`); S, how far some
detection confirms a label, t (1 - off), the largest; T, how far a detection agrees with some label, 1 - off, the
largest; both of one class, for boxes of any. Of a detection d and a label n of the same image:

    missing     doubt(t) (1 - touch)                    touch: 0 below IoU 0.1 with every label, 1 from 0.4 on
    box         t moved (1 - S) (1 - T)                 of one class, IoU 0.2 or more; moved: off, with the share of
                                                        labels of which this detector finds a misplaced box alone
    class       doubt(k) t (1 - off) (1 - S) (1 - T)    of two classes
    doubled     (1 - off) (1 - second)                  two labels; second: how far each has a detection of its own
    spurious    (1 - U) PRIOR / (PRIOR + (1 - PRIOR) lost)    U: t times the overlap, the largest; lost: the share of
                                                              labels of the class that nothing is found of

Every label and every detection is named once, in its surest doubt. Detections in crowds and crowds are in none. Then t
and k are fitted again, doubts counted as what they say: a set with wrong labels must not make the detector look worse
than it is. (Not more often: what both confuse would look surer and surer.)
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cornernet.evaluation.audit.reliance import PRIOR, Law, Reliability, doubt, law, reliability
from cornernet.evaluation.audit.seen import Seen, iou, look, offsets, touch
from cornernet.evaluation.matching import IGNORED
from cornernet.evaluation.report.images import Image
from cornernet.evaluation.report.matching import correct

ROUNDS = 2
FAINT = 0.05  # sureness below which a doubt is none
CLOSE = 0.2  # IoU from which on a detection may be of a label that is off
HALF = 0.5
AGAIN = 0.3  # IoU of two detections of one missing object


class Doubt(NamedTuple):
    """A doubt about a label, or about the lack of one, in an image."""

    kind: str
    sureness: float
    label: int = -1  # row in the image; -1: it is missing
    found: int = -1  # row of the detection; -1: there is none
    twin: int = -1  # row of the other label


class Reliances(NamedTuple):
    """What the detector is worth."""

    there: Reliability  # that a detection is of an object
    named: Reliability  # that the class of one that is of an object is right
    laws: list[Law]  # of the boxes, of each class
    lost: list[float]  # share of the labels of each class of which nothing is found
    gross: float  # of those found of which only a misplaced box is found


def doubts(images: Sequence[Image], classes: int) -> list[list[Doubt]]:
    """Images of a set with their labels and detections, number of classes -> doubts of each, the surest first."""
    seen = [look(image) for image in images]
    laws = _laws(seen, classes)
    found: list[list[Doubt]] = [[] for _ in seen]
    lost = [PRIOR] * classes
    for _ in range(ROUNDS):
        there, named = _fitted(seen, found)
        lost = _lost(seen, there, classes)
        held = Reliances(there, named, laws, lost, _gross(seen, there))
        found = [chosen(_all(one, held), one) for one in seen]
    return found


def chosen(candidates: Iterable[Doubt], seen: Seen) -> list[Doubt]:
    """Doubts, in any order -> the surest first, each label and detection in one, and no missing object twice."""
    kept: list[Doubt] = []
    labels, detections = set[int](), set[int]()
    overlap = iou(seen.image.found, seen.image.found)
    for one in sorted(candidates, key=lambda x: -x.sureness):
        if one.label in labels or one.found in detections or one.sureness < FAINT:
            continue
        if one.kind == "missing" and any(overlap[one.found, other] >= AGAIN for other in detections):
            continue
        kept.append(one)
        labels |= {one.label} - {-1}
        detections |= {one.found} - {-1}
    return kept


def _laws(seen: Sequence[Seen], classes: int) -> list[Law]:
    """Offsets of detections and labels that match -> law of each class, that of all where it has too few."""
    pairs: list[list[float]] = [[] for _ in range(classes)]
    for one in seen:
        place = np.full(len(one.image.boxes), -1)
        place[one.rows] = np.arange(len(one.rows))
        for d in np.flatnonzero(correct(one.image, one.partner) & (one.partner >= 0)).tolist():
            pairs[one.image.found_labels[d]].append(float(one.offset[d, place[one.partner[d]]]))
    together = np.array([x for of in pairs for x in of])
    return [law(np.array(of) if len(of) >= 50 else together) for of in pairs]


def _fitted(seen: Sequence[Seen], found: Sequence[Sequence[Doubt]]) -> tuple[Reliability, Reliability]:
    """Reliability of (an object, its class), where doubts so far count as right detections as far as they go."""
    columns: list[list[np.ndarray]] = [[np.zeros(0)] for _ in range(5)]
    for one, of in zip(seen, found, strict=True):
        matched = (one.partner >= 0).astype(float)
        there, named = matched.copy(), correct(one.image, one.partner).astype(float)
        for x in of:
            if x.found >= 0:
                there[x.found], named[x.found] = (max(y[x.found], x.sureness) for y in (there, named))
        alone = (one.partner != IGNORED) * one.free * (1 - touch(one))
        for column, values in zip(
            columns, (one.image.scores, there, np.maximum(matched, alone), named, matched), strict=True
        ):
            column.append(values)
    scores, *held = map(np.concatenate, columns)
    return reliability(scores, *held[:2]), reliability(scores, *held[2:])


def _lost(seen: Sequence[Seen], there: Reliability, classes: int) -> list[float]:
    """Share of the labels of each class of which nothing is found; a class of few is as all are."""
    labels = np.concatenate([np.zeros(0, np.int64), *(one.image.labels[one.rows] for one in seen)])
    reach = np.concatenate([np.zeros(0), *(_reach(one, there) for one in seen)])
    total = (np.sum(1 - reach) + PRIOR) / (len(reach) + 1)
    sums = np.bincount(labels, 1 - reach, minlength=classes)
    return ((sums + 10 * total) / (np.bincount(labels, minlength=classes) + 10)).tolist()


def _gross(seen: Sequence[Seen], there: Reliability) -> float:
    """Share of the labels with a detection of their class whose detection is one that matches nothing."""
    right, wrong = 1.0, PRIOR
    for one in seen:
        found = correct(one.image, one.partner)
        right += float(found.sum())
        stray = one.same & (one.overlap >= CLOSE) & ((one.partner < 0) & one.free)[:, None]
        stray[:, np.isin(one.rows, one.partner[one.partner >= 0])] = False
        wrong += float((there(one.image.scores)[:, None] * stray).max(0, initial=0).sum())
    return wrong / (right + wrong)


def _reach(one: Seen, there: Reliability) -> np.ndarray:
    """How far anything is found of each label, [n]."""
    return (there(one.image.scores)[:, None] * np.clip(one.overlap / HALF, 0, 1)).max(0, initial=0)


def _all(one: Seen, held: Reliances) -> Iterator[Doubt]:
    """Every doubt about an image that there could be."""
    image, labels = one.image, one.image.labels[one.rows]
    t, k = held.there(image.scores), held.named(image.scores)
    off = _off(one.offset, image.found_labels, held.laws)
    placed = (1 - off) * one.free[:, None]  # how far the places agree
    named = placed * one.same
    moved = _off(one.offset, image.found_labels, held.laws, held.gross)
    box = moved * one.free[:, None] * _open(placed, t) * (one.same & (one.overlap >= CLOSE))
    other = placed * _open(named, t) * ~one.same
    yield from _single("missing", doubt(t) * (1 - touch(one)) * one.free)
    yield from _pairs("box", t[:, None] * box, one.rows)
    yield from _pairs("class", (doubt(k) * t)[:, None] * other, one.rows)
    yield from _doubled(one, labels, t[:, None] * named, held)
    lost = np.array(held.lost)[labels]
    nothing = (1 - _reach(one, held.there)) * PRIOR / (PRIOR + (1 - PRIOR) * lost)
    yield from (Doubt("spurious", float(x), int(n)) for n, x in zip(one.rows, nothing, strict=True))


def _open(agreeing: np.ndarray, t: np.ndarray) -> np.ndarray:
    """How far detections agree with labels, [d, n] -> how far neither has a better partner."""
    return (1 - (t[:, None] * agreeing).max(0, initial=0)) * (1 - agreeing.max(1, initial=0))[:, None]


def _doubled(one: Seen, labels: np.ndarray, confirming: np.ndarray, held: Reliances) -> Iterator[Doubt]:
    """Pairs of labels on one place; named is the one that the detections confirm less, of equal ones the later."""
    boxes = one.image.boxes[one.rows]
    overlap = iou(boxes, boxes)
    off = _off(offsets(boxes, boxes), labels, held.laws)
    for a, b in zip(*np.triu(overlap >= HALF, 1).nonzero(), strict=True):
        second = _second(confirming[:, [a, b]])
        weak, strong = (a, b) if confirming[:, a].max(initial=0) < confirming[:, b].max(initial=0) else (b, a)
        sureness = (1 - off[a, b]) * (1 - second)
        yield Doubt("doubled", float(sureness), int(one.rows[weak]), twin=int(one.rows[strong]))


def _second(confirming: np.ndarray) -> float:
    """How far two labels are confirmed by two detections, [d, 2] -> the lesser of both, at its best."""
    if len(confirming) < 2:
        return 0.0
    lesser = np.minimum(confirming[:, :1], confirming[:, 1])  # [d, d]: one by the first, the other by the second
    np.fill_diagonal(lesser, 0)
    return float(lesser.max())


def _single(kind: str, sureness: np.ndarray) -> Iterator[Doubt]:
    yield from (Doubt(kind, float(sureness[d]), found=int(d)) for d in np.flatnonzero(sureness >= FAINT))


def _pairs(kind: str, sureness: np.ndarray, rows: np.ndarray) -> Iterator[Doubt]:
    for d, n in zip(*(sureness >= FAINT).nonzero(), strict=True):
        yield Doubt(kind, float(sureness[d, n]), int(rows[n]), int(d))


def _off(offset: np.ndarray, labels: np.ndarray, laws: Sequence[Law], gross: float = 0.0) -> np.ndarray:
    """Offsets [d, n], of whose rows these are the classes -> probability that the two are of different places."""
    off = np.ones_like(offset)
    for k in np.unique(labels):
        off[labels == k] = laws[k].off(offset[labels == k], gross)
    return off
