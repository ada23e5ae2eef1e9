"""Score a detector on a dataset: predict every image, over all processes, and compute the COCO metrics."""

import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from cornernet import processes
from cornernet.data import Source, passable, patiently
from cornernet.detectors import Predicting
from cornernet.drawing import gallery
from cornernet.evaluation import scoring
from cornernet.evaluation.backends import Backend
from cornernet.evaluation.chosen import DEFAULT, Chosen
from cornernet.evaluation.metrics import USUAL, Metrics, Unwritten, write
from cornernet.evaluation.report import Options
from cornernet.evaluation.report import write as write_report
from cornernet.evaluation.truth import Truth, from_source, placed, with_categories
from cornernet.prediction import Found, chunk, collected, detect, to_results
from cornernet.structures import ImageDetections
from cornernet.system.progress import Progress

log = logging.getLogger(__name__)
OnError = Literal["stop", "skip"]


def evaluate(
    detector: Predicting,
    source: Source,
    *,
    category_ids: Sequence[int] | None = None,
    batch_size: int = 1,
    progress: bool = True,
    device: torch.device | str | None = None,
    folder: str | Path | None = None,
    backend: Backend = "auto",
    on_error: OnError = "stop",
    report: Options | None = None,
    metric: Chosen = DEFAULT,
    **settings: Any,
) -> Metrics:
    """Metrics of a detector on a source of images and annotations (see cornernet.data).

    category_ids: COCO id of each of the detector's labels (None: those of the source). settings: the other arguments
    of `inference.detect`. folder: where to leave metrics.json and predictions.json (None: nowhere).
    on_error: what an image that cannot be read does; skip: warn and miss all its objects. Where images cannot be
    reached they are waited for, then Away is raised, whatever on_error says.
    report: what the page in folder/report shall show (None: no page), see cornernet.evaluation.report.
    metric: of `train.metric`, see `chosen`: it is measured beside those of the package and of plug-ins.
    In a distributed run every process calls this, predicts its share and gets the same Metrics; only the first one
    shows a bar and writes. Raises ValueError where the detector's categories are not the source's.
    """
    keep = _Pictures(source, report) if report is not None and folder is not None else None
    found, seconds, unreadable = predictions(
        detector, source, category_ids=category_ids, batch_size=batch_size, progress=progress, device=device,
        on_error=on_error, seen=keep, **settings,
    )  # fmt: skip
    pictures = keep.gathered() if keep else {}
    # Every process computes them: were it one alone, its failure would leave the others waiting.
    truth = truth_of(source, category_ids)
    found = placed(found, truth)
    limit = settings.get("max_per_image", USUAL)
    scored = scoring.score(truth, found, backend, metric.measures, limit)
    seconds_per_image = seconds / max(1, len(source) - unreadable)
    metrics = dataclasses.replace(scored.metrics, seconds_per_image=seconds_per_image, unreadable=unreadable)
    if folder is not None and processes.rank() == 0:
        write(metrics, to_results(found), folder)
        if report is not None:
            scored = scored._replace(metrics=metrics)
            try:
                write_report(Path(folder) / "report", source, truth, found, scored, report, pictures)
            except OSError as error:
                raise Unwritten(error, Path(folder) / "report", metrics) from error
    return metrics


class _Pictures:
    """Shrinks the images that a report lists while they are at hand, which costs less than reading them again."""

    def __init__(self, source: Source, report: Options):
        places = report.places(len(source))
        self.wanted, self.count = set(places), len(places)
        self.mine: dict[int, gallery.Picture] = {}

    def __call__(self, i: int, image: np.ndarray) -> None:
        if i in self.wanted:
            self.mine[i] = gallery.shrunk(image, self.count)

    def gathered(self) -> dict[int, gallery.Picture]:
        """Return those of all processes."""
        return {i: picture for share in processes.gathered(self.mine) for i, picture in share.items()}


def predictions(
    detector: Predicting,
    source: Source,
    *,
    category_ids: Sequence[int] | None = None,
    batch_size: int = 1,
    progress: bool = True,
    device: torch.device | str | None = None,
    on_error: OnError = "stop",
    seen: Callable[[int, np.ndarray], None] | None = None,
    **settings: Any,
) -> tuple[Found, float, int]:
    """Detections of every image of a source, in its order, the seconds spent, images not readable.

    Process r of w predicts images r, r + w, ...; all of them get the whole list. Seconds and images are added up.
    seen: called with the place of each image of this process and the image.
    """
    ids = list(source.category_ids if category_ids is None else category_ids)
    mine: dict[int, ImageDetections] = {}
    seconds, unreadable = 0.0, 0
    share = list(range(processes.rank(), len(source), processes.world()))
    with Progress(len(share), "image", "evaluate", shown=progress and processes.rank() == 0) as bar:
        for part in _chunks(share, chunk({**settings, "batch_size": batch_size})):
            images = _read(source, part, on_error, told=unreadable > 0)
            unreadable += len(part) - len(images)
            if seen is not None:
                for i, image in images.items():
                    seen(i, image)
            start = time.perf_counter()
            found = detect(detector, list(images.values()), batch_size=batch_size, device=device, **settings)
            seconds += time.perf_counter() - start
            mine.update(zip(images, found, strict=True))
            bar.update(len(part))
    shares, times, counts = zip(*processes.gathered((mine, seconds, unreadable)), strict=True)
    everything = sorted((entry for share in shares for entry in share.items()), key=lambda entry: entry[0])
    names = [source.record(i).image_id for i, _ in everything]
    return collected([found for _, found in everything], names, ids), sum(times), sum(counts)


def truth_of(source: Source, category_ids: Sequence[int] | None) -> Truth:
    """The source's ground truth with the detector's categories that it lacks; they do not touch the AP."""
    truth, ids = from_source(source), category_ids or ()
    missing = [i for i in ids if i not in truth.category_ids]
    if missing and len(missing) == len(ids):
        known = sorted(truth.category_ids)
        raise ValueError(f"none of the detector's category ids {missing} is in the ground truth: {known}")
    return with_categories(truth, {i: str(i) for i in missing})


def _read(source: Source, indices: list[int], on_error: OnError, told: bool) -> dict[int, np.ndarray]:
    """Images by their position, without those that are unreadable and may be skipped; told: one was named before."""
    images = {}
    for i in indices:
        try:
            images[i] = patiently(partial(source.image, i))
        except (ValueError, OSError) as error:
            if on_error == "stop":
                raise passable(error) from None
            if not told:
                log.warning("%s; its objects count as missed, further such images are only counted", error)
            told = True
    return images


def _chunks(indices: list[int], size: int) -> Iterable[list[int]]:
    return (indices[i : i + size] for i in range(0, len(indices), size))
