"""What an evaluation knows, for metrics to measure."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cornernet.evaluation import matching
from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found


@dataclass(frozen=True)
class Evaluated:
    """A set's annotated objects, the detections, and what COCO's evaluation made of them."""

    truth: Truth
    found: Found  # in the terms of the truth; of each class in an image at most `limit`, the best
    precision: np.ndarray  # [T IoUs, R recalls, K classes, A areas, M limits] float64, -1 where there is no object
    recall: np.ndarray  # [T, K, A, M], the same
    stats: list[float]  # the twelve figures of COCO
    limit: int = 100  # detections of a class in an image that the figures look at, the last of the limits

    @cached_property
    def near(self) -> matching.Near:
        """Pairs of a detection and an object that overlap by half or more, and the order of the detections."""
        return matching.overlapping(self.truth, self.found)

    def matches(self, iou: float = 0.5) -> np.ndarray:
        """Row of the truth that each detection takes, [D] int64, -1 for none, -2 for none but part of a crowd.

        As COCO matches, class by class: the best detection first, each the free object that it overlaps most.
        """
        return matching.matches(self.truth, self.found, iou, self.near if iou >= matching.LEAST_IOU else None)

    @staticmethod
    def mean(values: np.ndarray) -> float:
        """Mean of those that are defined, or -1 as pycocotools has it."""
        defined = values[values > -1]
        return float(defined.mean()) if defined.size else -1.0


def nothing() -> Evaluated:
    """What an evaluation of no images knows, with one class."""
    none, integers = np.zeros(0), np.zeros(0, np.int64)
    truth = Truth([], [], [1], ["object"], integers, integers, np.zeros((0, 4)), none, np.zeros(0, bool))
    found = Found([], [1], integers, integers, np.zeros((0, 4)), none)
    return Evaluated(truth, found, np.full((10, 101, 1, 4, 3), -1.0), np.full((10, 1, 4, 3), -1.0), [-1.0] * 12)
