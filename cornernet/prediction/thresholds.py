"""The score from which on a detection counts: one number, or one for each class, as the last evaluation found it best.

An evaluation finds for each class the score of the largest F1 at IoU 0.5; checkpoints and exported files carry them.
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

BEST_F1 = "best_f1"  # the word for them, and their key in checkpoints and exported files
DRAWN = 0.3  # score from which detections are drawn where nothing is known and nothing was typed
UNKNOWN = -1.0  # of a class without objects, or of which none was found
Least = float | Sequence[float]  # of all classes, or of each by its label


class Thresholds(NamedTuple):
    """Scores in [0, 1] of the best F1 at IoU 0.5, or UNKNOWN."""

    overall: float  # of all detections together
    per_class: list[float]  # by label


def held(saved: Any, classes: int, source: object) -> Thresholds | None:
    """What a checkpoint or an exported file has under `best_f1` -> Thresholds, None for nothing.

    Raises ValueError naming the source where it is not as an evaluation writes it: files are not trusted.
    """
    if not saved:
        return None
    overall, scores = (saved[key] for key in Thresholds._fields) if _complete(saved) else (UNKNOWN, None)
    if not isinstance(scores, list) or len(scores) != classes or not all(map(_score, [overall, *scores])):
        raise ValueError(f"{source} holds no scores from 0 to 1, one a class, at {BEST_F1}")
    return Thresholds(overall, scores)


def _complete(saved: Any) -> bool:
    return isinstance(saved, dict) and set(Thresholds._fields) <= saved.keys()


def _score(value: Any) -> bool:
    return type(value) is float and (0 <= value <= 1 or value == UNKNOWN)


def each(best: Thresholds, otherwise: float = DRAWN) -> list[float]:
    """Threshold of each class; where one is unknown that of all, where that is unknown too `otherwise`."""
    overall = otherwise if best.overall == UNKNOWN else best.overall
    return [overall if score == UNKNOWN else score for score in best.per_class]


def drawn(typed: float | None, best: Thresholds | None) -> Least:
    """test.draw_score, null unless it was typed, and what is known -> scores from which detections are drawn."""
    if typed is not None:
        return typed
    return DRAWN if best is None else each(best)


def chosen(score: Any, best: Thresholds | None, classes: int, source: object = "the detector") -> Least:
    """A number, `best_f1` or one number a class -> scores; raises ValueError for anything else.

    best: what is known; without it, best_f1 cannot be asked for. source: named in that sentence.
    """
    if isinstance(score, str) and score == BEST_F1:
        if best is None:
            raise ValueError(
                f"{source} holds no scores of the best F1, as it was saved before an evaluation or by an earlier "
                "version; evaluate it to see them, and give the number"
            )
        return each(best)
    several = isinstance(score, Sequence) and not isinstance(score, str)
    if not all(map(_number, score if several else [score])) or (several and len(score) != classes):
        raise ValueError(
            f"score_threshold must be a number from 0 to 1, one for each of the {classes} classes, or {BEST_F1!r}; "
            f"got {score!r}"
        )
    return [float(one) for one in score] if several else float(score)


def _number(value: Any) -> bool:
    return isinstance(value, Real) and 0 <= float(value) <= 1


def of_labels(least: Least, labels: np.ndarray) -> np.ndarray:
    """Scores and labels [n] -> the score that each row has to reach, [n] float64."""
    if not isinstance(least, Sequence):
        return np.full(len(labels), least, np.float64)
    return np.array(least, np.float64)[labels]


def in_words(least: Least) -> str:
    """`a score of 0.3 or more`, of several `at least the score of their class's best F1 (0.21 to 0.43)`."""
    if not isinstance(least, Sequence):
        return f"a score of {least:g} or more"
    low, high = f"{min(least):.3g}", f"{max(least):.3g}"
    return f"at least the score of their class's best F1 ({low if low == high else f'{low} to {high}'})"
