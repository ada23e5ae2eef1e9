"""How one of two runs does on what both have: its figures, and image by image what is right, wrong and missed."""

from typing import NamedTuple

import numpy as np

from cornernet.evaluation import scoring
from cornernet.evaluation.metrics import Metrics, thresholds
from cornernet.evaluation.report.images import Image, by_image
from cornernet.evaluation.report.matching import Tally, match, tally
from cornernet.evaluation.side_by_side.member import Member
from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found, Least, drawn


class Standing(NamedTuple):
    """A run with its figures and its images."""

    member: Member
    metrics: Metrics
    precision: np.ndarray  # [T, R, K, A, M]
    images: list[Image]
    partners: list[np.ndarray]  # of each image, see `match`
    tallies: list[Tally]
    least: Least  # score of each class from which a detection counts on an image: that of its best F1


def standing(one: Member, truth: Truth, found: Found, limit: int) -> Standing:
    """A member, the common truth, what it found there, how many of a class in an image count -> Standing."""
    score = scoring.score(truth, found, one.settings.test.backend, limit=limit)
    least = drawn(None, thresholds(score.metrics))
    images = by_image(truth, found)
    partners = [match(image) for image in images]
    tallies = [tally(image, partner, least) for image, partner in zip(images, partners, strict=True)]
    return Standing(one, score.metrics, score.precision, images, partners, tallies, least)
