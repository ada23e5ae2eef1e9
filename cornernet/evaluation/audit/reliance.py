r"""How far a detector can be relied on, learnt from the labels under audit themselves: most of them are right.

Of scores: the probability that a detection of score s is right is 1 / (1 + exp(-(a logit s + b))), whose a and b are
fitted to what the labels say (Platt 1999, Probabilistic Outputs for Support Vector Machines).
Of boxes: the offset q of a detection from a label is the largest distance of two of their edges in parts of the side;
of right labels it follows a Weibull law through the median and the ninth decile, which few wrong labels do not move.
A label is taken to be wrong in PRIOR of all cases, and an offset of a wrong one to be anything from 0 to 1.
"""

from typing import NamedTuple

import numpy as np

PRIOR = 0.05  # share of labels that are taken to be wrong in each way before anything is seen
TINY = 1e-6
STEPS = 30  # of Newton's method
USUAL = (0.06, 0.15)  # median and ninth decile of the offsets where too few are known
FEWEST = 20  # offsets that a law is made of


class Reliability(NamedTuple):
    """Scores -> probability that what has them is right, growing with the score."""

    slope: float
    offset: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Scores [n] in [0, 1] -> [n]."""
        return 1 / (1 + np.exp(-(self.slope * _logit(scores) + self.offset)))


def reliability(scores: np.ndarray, right: np.ndarray, weights: np.ndarray) -> Reliability:
    """Scores [n], how far each was right and counts [n] -> Reliability; without any, a score is taken at its word."""
    x = np.stack([_logit(scores), np.ones(len(scores))], 1)
    start = theta = np.array([1.0, 0.0])  # a weak pull towards it stands for what is not known
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-(x @ theta)))
        gradient = x.T @ (weights * (p - right)) + (theta - start)
        curvature = (x * (weights * p * (1 - p))[:, None]).T @ x + np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        theta = theta - step * min(1, 2 / max(TINY, abs(step).max()))
    return Reliability(max(0.05, float(theta[0])), float(theta[1]))


class Law(NamedTuple):
    """The offsets of right labels."""

    shape: float
    scale: float

    def off(self, offsets: np.ndarray, gross: float = 0.0) -> np.ndarray:
        """Offsets -> probability that the label is off, growing with the offset.

        gross: share of right labels whose detection lies anywhere.
        """
        k, scale = self.shape, self.scale
        peak = scale * ((k - 1) / k) ** (1 / k) if k > 1 else TINY
        x = np.maximum(offsets, max(peak, TINY)) / scale
        density = k / scale * x ** (k - 1) * np.exp(-(x**k))
        return PRIOR / (PRIOR + (1 - PRIOR) * (density + gross))


def law(offsets: np.ndarray) -> Law:
    """Offsets [n] of detections from labels that they match -> Law."""
    median, ninth = USUAL if len(offsets) < FEWEST else np.quantile(offsets, (0.5, 0.9))
    median = max(float(median), 0.005)
    ninth = max(float(ninth), 1.2 * median)
    shape = float(np.log(np.log(10) / np.log(2)) / np.log(ninth / median))
    return Law(shape, median / np.log(2) ** (1 / shape))


def doubt(right: np.ndarray) -> np.ndarray:
    """Probability that a detection is right as such -> that it is, and the label that it contradicts is wrong."""
    return PRIOR * right / (PRIOR * right + (1 - PRIOR) * (1 - right))


def _logit(scores: np.ndarray) -> np.ndarray:
    inside = np.clip(scores, TINY, 1 - TINY)
    return np.log(inside / (1 - inside))
