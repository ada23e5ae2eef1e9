"""The images on which two members of a comparison differ most, by the F1 of their detections at IoU 0.5."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from cornernet.evaluation import best_f1
from cornernet.experiments.matches import Matches

COUNT = 6  # images on which one is better, and as many on which the other is
NEVER = 2.0  # a score that none reaches


class Apart(NamedTuple):
    """An image on which two members differ."""

    name: str
    first: float  # F1, mean over the seeds
    second: float


class Images(NamedTuple):
    """How two members do, image by image."""

    seeds: list[int]  # that both have matches of
    better: list[Apart]  # where the second is, the largest difference first
    worse: list[Apart]
    counts: tuple[int, int, int]  # images on which the second is better, equal and worse


def apart(first: Mapping[int, Matches], second: Mapping[int, Matches], count: int = COUNT) -> Images | None:
    """Matches by seed of two members -> where they differ, on the images and seeds of both; None where there are none.

    F1 of an image is 2 right / (detections + objects) of the detections from a training's own best score on, 1 where
    there is nothing to find and nothing was found; mean over the seeds.
    """
    seeds = [seed for seed in first if seed in second]
    if not seeds:
        return None
    ours, theirs = (_mean([f1(of[seed]) for seed in seeds]) for of in (first, second))
    both = [Apart(name, ours[name], theirs[name]) for name in ours if name in theirs]
    order = sorted(both, key=lambda image: image.second - image.first)
    worse = [image for image in order if image.second < image.first]
    better = [image for image in reversed(order) if image.second > image.first]
    counts = len(better), len(both) - len(better) - len(worse), len(worse)
    return Images(seeds, better[:count], worse[:count], counts) if both else None


def least(found: Matches) -> float:
    """Score from which on the detections of all images together have the best F1."""
    score = best_f1.best(found.scores.astype(np.float64), found.hits, int(found.objects.sum())).score
    return NEVER if score == best_f1.NONE else score


def f1(found: Matches) -> dict[str, float]:
    """F1 of every image by its name."""
    kept = found.scores >= least(found)
    right = np.bincount(found.image[kept], found.hits[kept], len(found.images))
    total = np.bincount(found.image[kept], minlength=len(found.images)) + found.objects.sum(1)
    values = np.where(total > 0, 2 * right / np.maximum(total, 1), 1.0)
    return dict(zip(map(str, found.images), values.tolist(), strict=True))


def _mean(held: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Mean of every image that all have."""
    first, *others = held
    return {
        name: float(np.mean([value, *(other[name] for other in others)]))
        for name, value in first.items()
        if all(name in other for other in others)
    }
