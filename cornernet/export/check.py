"""An exported file held against PyTorch: what is said of it, and when that is a warning."""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cornernet.export.plan import EXTRA, Plan, missing
from cornernet.prediction.exported import Agreement, Rows, agreement, difference, runner

log = logging.getLogger("cornernet")
TOLERANCE = 1e-4  # pixels and score, of float32
SHARE = 0.01  # of the rows that rounding may decide: a cell beside its equal, a distance on the threshold
PICTURES = 8  # of the calibration on which an int8 file is run
FOUND, APART = 0.9, 0.1  # of int8: least share of rows that both answers have, largest median difference of a score


def check(wanted: Plan, graph: nn.Module, images: Tensor, pictures: Sequence[np.ndarray], least: float) -> str:
    """Run the file and hold it against PyTorch -> what came out, as text; a warning where it is not the same.

    graph: images -> Rows; images: the picture asked for and noise, for float32; pictures: batches of the calibration,
    for int8, of whose rows those of a score of at least `least` count.
    """
    if wanted.format == "onnx" and missing("onnxruntime"):
        return f"not run, for want of onnxruntime: {EXTRA}"
    run = runner(wanted.out)
    if wanted.calibrate:
        batches = [torch.from_numpy(batch) for batch in pictures[: max(1, PICTURES // len(pictures[0]))]]
        count = min(wanted.calibrate, sum(len(batch) for batch in batches))  # the last batch may be filled up
        batches += [images[: len(batches[0])]] * bool(wanted.picture)
        both = [agreement(run(batch), answer(graph, batch), least) for batch in batches]
        return quantised(wanted, both, count, least)
    return exact(wanted, run(images), answer(graph, images))


def answer(graph: nn.Module, images: Tensor) -> Rows:
    """What PyTorch makes of images."""
    with torch.no_grad():
        return graph(images)


def exact(wanted: Plan, found: Rows, expected: Rows) -> str:
    """The file's answer, PyTorch's, which only rounding may set apart -> what is said of them."""
    apart = difference(found, expected)
    if apart.lost > SHARE * apart.rows or max(apart.boxes, apart.scores) > TOLERANCE:
        log.warning("the file's answer is not PyTorch's, see below")
    noise = len(expected[1]) - bool(wanted.picture)
    plural = "picture" if noise == 1 else "pictures"
    on = [wanted.picture] * bool(wanted.picture) + [f"{noise} {plural} of noise"] * bool(noise)
    return (
        f"run on {' and '.join(on)}: {apart.rows} rows, of which PyTorch's answer and the file's share all but "
        f"{apart.lost}; largest difference {apart.boxes:.1e} pixels, {apart.scores:.1e} score"
    )


def quantised(wanted: Plan, both: Sequence[Agreement], count: int, least: float) -> str:
    """How an int8 file's answers agree with PyTorch's on `count` pictures of its calibration -> what is said of it."""
    rows, shared = sum(each.rows for each in both), sum(each.shared for each in both)
    plural = "picture" if count == 1 else "pictures"
    on = f"run on {f'{wanted.picture} and ' * bool(wanted.picture)}{count} {plural} of its calibration"
    if not rows:
        return f"{on}: neither it nor PyTorch finds anything of score {least:g} or more, so nothing is compared"
    apart = torch.cat([each.scores for each in both])
    middle = float(apart.median()) if shared else float("nan")
    if shared < FOUND * rows or not middle <= APART:
        log.warning("the int8 file's answer is far from PyTorch's, see below; evaluate both before you use it")
    return (
        f"{on}: of {rows} rows of score {least:g} or more in either answer {shared / rows:.1%} overlap one of the "
        f"other by half or more; their scores differ by {middle:.3f} in the median"
    )
