"""The false discovery rate by hand."""

import dataclasses

import numpy as np
import pytest

from cornernet.evaluation.evaluated import nothing
from cornernet.evaluation.measures.false_discovery import false_discovery
from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found

BOX = [0.0, 0, 10, 10]


def rate(boxes, scores, crowds=(0, 0)):
    """Two objects side by side in one image, the second a crowd where it says so, and these detections."""
    objects, count = np.array([BOX, [50.0, 0, 60, 10]]), np.zeros(2, np.int64)
    truth = Truth([1], ["a"], [1], ["x"], count, count, objects, np.full(2, 100.0), np.array(crowds, bool))
    many = np.zeros(len(boxes), np.int64)
    found = Found([1], [1], many, many, np.array(boxes, dtype=float).reshape(-1, 4), np.array(scores, dtype=float))
    return false_discovery(dataclasses.replace(nothing(), truth=truth, found=found))["FDR"]


def test_by_hand():
    right, wrong, other = BOX, [80.0, 80, 90, 90], [50.0, 0, 60, 10]
    assert rate([right, wrong, other], [0.9, 0.8, 0.7]) == pytest.approx(1 / 3)  # F1 is best with all three
    assert rate([right, other, wrong], [0.9, 0.8, 0.1]) == 0  # what lies below the cut is not counted
    assert rate([wrong], [0.9]) == -1 == rate([], [])
    assert rate([right, other], [0.9, 0.8], (0, 1)) == 0  # a box in a crowd counts neither way
