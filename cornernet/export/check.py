"""An exported file held against PyTorch: how far apart they are, and when that is a warning."""

import logging
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from cornernet.export.plan import Plan
from cornernet.graphs import missing
from cornernet.prediction import Agreement, Difference, agreement, difference

log = logging.getLogger("cornernet")


class Bounds(NamedTuple):
    """What rounding may do."""

    boxes: float  # pixels
    scores: float
    lost: float  # share of the rows that it may decide: a cell beside its equal, a distance on the threshold


ALLOWED = {"fp32": Bounds(1e-4, 1e-4, 0.01), "fp16": Bounds(1.0, 0.02, 0.1)}
# further apart than this rows are not the same, and of two whose scores are nearer rounding decides which comes last
CLOSE = {"fp32": (1e-2, 1e-2, 1e-4), "fp16": (1.0, 0.02, 0.02)}
POINTS = {"fp32": 1e-4, "fp16": 0.02, "int8": 0.25}  # how far scores of attention may be apart
IMAGES = 8  # of the calibration on which an int8 file is run
FOUND, APART = 0.9, 0.1  # of int8: least share of rows that both answers have, largest median difference of a score


class Exact(NamedTuple):
    """A file of float32 or float16 against PyTorch, on the image that was asked for, if any, and on noise."""

    noise: int  # images of it
    apart: Difference


class Quantised(NamedTuple):
    """An int8 file against PyTorch, on images of its calibration and the one that was asked for, if any."""

    images: int  # of the calibration
    least: float  # score from which rows count
    rows: int  # of that score in either answer
    shared: int  # of them, those that overlap one of the other by half or more
    scores: float  # median of how far those differ in score; nan without any


def check(
    wanted: Plan, graph: nn.Module, images: Sequence[Tensor], batches: Sequence[np.ndarray], least: float
) -> Exact | Quantised | None:
    """Run the file and hold it against PyTorch, with a warning where it is not the same; None where it cannot be run.

    graph: images -> Rows, of a glance the points of attention behind them; images: the image asked for and noise, in
    batches; batches: those of the calibration, for int8, of whose rows those of a score of at least `least` count.
    """
    if missing(wanted.form, "RUNS_WITH"):
        return None
    run, _ = wanted.form.open(wanted.out)
    run_on, count = list(images), 0
    if wanted.calibrate:
        run_on = [torch.from_numpy(batch) for batch in batches[: max(1, IMAGES // len(batches[0]))]]
        count = min(wanted.calibrate, sum(len(batch) for batch in run_on))  # the last batch may be filled up
        run_on += [images[0][: len(batches[0])]] * bool(wanted.image)
    answers = [(run(batch), answer(graph, batch)) for batch in run_on]
    points = [float((found[4] - expected[4]).abs().max()) for found, expected in answers if len(expected) > 3]
    pointing(points, wanted.precision)
    both = [(found[:3], expected[:3]) for found, expected in answers]
    if wanted.calibrate:
        return quantised([agreement(*pair, least) for pair in both], count, least)
    apart = [difference(*pair, *CLOSE[wanted.precision]) for pair in both]
    return exact(apart, sum(map(len, images)) - bool(wanted.image), wanted.precision)


def answer(graph: nn.Module, images: Tensor) -> Any:
    """What PyTorch makes of images: Rows, of a glance the points of attention behind them."""
    with torch.no_grad():
        return graph(images)


def pointing(apart: Sequence[float], precision: str) -> None:
    """Warn where the scores of the points of attention differ from PyTorch's; no numbers: there are no points."""
    if apart and not max(apart) <= POINTS[precision]:
        log.warning("the file's attention is not PyTorch's: scores of its points differ by %.3f", max(apart))


def exact(parts: Sequence[Difference], noise: int, precision: str = "fp32") -> Exact:
    """How the file's answers to some batches differ from PyTorch's -> the same of all; only rounding should do it."""
    rows, lost = sum(part.rows for part in parts), sum(part.lost for part in parts)
    apart = Difference(rows, max(part.boxes for part in parts), max(part.scores for part in parts), lost)
    allowed = ALLOWED[precision]
    if lost > allowed.lost * rows or apart.boxes > allowed.boxes or apart.scores > allowed.scores:
        log.warning("the file's answer is not PyTorch's, see below")
    return Exact(noise, apart)


def quantised(both: Sequence[Agreement], count: int, least: float) -> Quantised:
    """How an int8 file's answers agree with PyTorch's on `count` images of its calibration."""
    rows, shared = sum(each.rows for each in both), sum(each.shared for each in both)
    middle = float(torch.cat([each.scores for each in both]).median()) if shared else math.nan
    if rows and (shared < FOUND * rows or not middle <= APART):
        log.warning("the int8 file's answer is far from PyTorch's, see below; evaluate both before you use it")
    return Quantised(count, least, rows, shared, middle)
