"""Score a detector on a dataset: predict every picture, over all processes, and compute the COCO metrics."""

import dataclasses
import logging
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from tqdm import tqdm

from cornernet.data.sources.source import Source
from cornernet.data.storage import patiently
from cornernet.evaluation import scoring
from cornernet.evaluation.metrics import Metrics, Unwritten, write
from cornernet.evaluation.report import Wanted
from cornernet.evaluation.report import write as write_report
from cornernet.evaluation.scoring import Backend, Score
from cornernet.prediction.inference import chunk, detect
from cornernet.structures import ImageDetections

log = logging.getLogger(__name__)
OnError = Literal["stop", "skip"]


def evaluate(
    detector: nn.Module,
    source: Source,
    *,
    category_ids: Sequence[int] | None = None,
    batch_size: int = 1,
    progress: bool = True,
    device: torch.device | str | None = None,
    folder: str | Path | None = None,
    backend: Backend = "pycocotools",
    on_error: OnError = "stop",
    report: Wanted | None = None,
    **settings: Any,
) -> Metrics:
    """Metrics of a detector on a source of pictures and annotations (see cornernet.data).

    category_ids: COCO id of each of the detector's labels (None: those of the source). settings: the other arguments
    of `inference.detect`. folder: where to leave metrics.json and predictions.json (None: nowhere).
    on_error: what a picture that cannot be read does; skip: warn and miss all its objects. Where pictures cannot be
    reached they are waited for, then Away is raised, whatever on_error says.
    report: what the page in folder/report shall show (None: no page), see cornernet.evaluation.report.
    In a distributed run every process calls this, predicts its share and gets the same Metrics; only the first one
    shows a bar and writes. Raises ValueError where the detector's categories are not the source's.
    """
    results, seconds, unreadable = predictions(
        detector, source, category_ids=category_ids, batch_size=batch_size, progress=progress, device=device,
        on_error=on_error, **settings,
    )  # fmt: skip
    # Every process computes them: were it one alone, its failure would leave the others waiting.
    truth = _with_categories(source, category_ids)
    scored = scoring.score(truth, results, backend)
    seconds_per_image = seconds / max(1, len(source) - unreadable)
    metrics = dataclasses.replace(scored.metrics, seconds_per_image=seconds_per_image, unreadable=unreadable)
    if folder is not None and _rank() == 0:
        write(metrics, results, folder)
        if report is not None:
            _explain(Path(folder) / "report", source, truth, results, scored._replace(metrics=metrics), report)
    return metrics


def _explain(folder: Path, source: Source, truth: dict, results: list[dict], score: Score, wanted: Wanted) -> None:
    """Write the report; raises Unwritten where the disk does not take it."""
    try:
        write_report(folder, source, truth, results, score, wanted)
    except OSError as error:
        raise Unwritten(error, folder, score.metrics) from error


def predictions(
    detector: nn.Module,
    source: Source,
    *,
    category_ids: Sequence[int] | None = None,
    batch_size: int = 1,
    progress: bool = True,
    device: torch.device | str | None = None,
    on_error: OnError = "stop",
    **settings: Any,
) -> tuple[list[dict[str, Any]], float, int]:
    """COCO-format predictions for every picture of a source, in its order, the seconds spent, pictures not readable.

    Process r of w predicts pictures r, r + w, ...; all of them get the whole list. Seconds and pictures are added up.
    """
    ids = list(source.category_ids if category_ids is None else category_ids)
    mine, seconds, unreadable = {}, 0.0, 0
    share = list(range(_rank(), len(source), _world()))
    with tqdm(total=len(share), desc="evaluate", unit="image", disable=not progress or _rank() > 0) as bar:
        for part in _chunks(share, batch_size):
            images = _read(source, part, on_error, told=unreadable > 0)
            unreadable += len(part) - len(images)
            start = time.perf_counter()
            found = detect(detector, list(images.values()), batch_size=batch_size, device=device, **settings)
            seconds += time.perf_counter() - start
            for i, detections in zip(images, found, strict=True):
                mine[i] = to_results([detections], [source.record(i).image_id], ids)
            bar.update(len(part))
    shares, times, counts = zip(*_gather((mine, seconds, unreadable)), strict=True)
    everything = {i: rows for share in shares for i, rows in share.items()}
    return [row for i in sorted(everything) for row in everything[i]], sum(times), sum(counts)


def to_results(
    detections: Iterable[ImageDetections], image_ids: Iterable[Any], category_ids: Sequence[int]
) -> list[dict[str, Any]]:
    """Turn detections of pictures into COCO result dicts (image_id, category_id, bbox xywh, score), nothing rounded.

    category_ids: COCO id of each label. Raises ValueError for a label beyond them.
    """
    results = []
    for found, image_id in zip(detections, image_ids, strict=True):
        rows = (found.boxes.double().tolist(), found.scores.tolist(), found.labels.tolist())
        for (x1, y1, x2, y2), score, label in zip(*rows, strict=True):
            if label >= len(category_ids):
                raise ValueError(f"the detector found label {label}, but there are only {len(category_ids)} categories")
            box = [x1, y1, x2 - x1, y2 - y1]
            results.append({"image_id": image_id, "category_id": category_ids[label], "bbox": box, "score": score})
    return results


def _with_categories(source: Source, category_ids: Sequence[int] | None) -> dict[str, Any]:
    """Read the source's ground truth and add the detector's categories that it lacks; they do not touch the AP."""
    truth = source.coco()
    known = {category["id"] for category in truth["categories"]}
    missing = [i for i in category_ids or () if i not in known]
    if missing and len(missing) == len(category_ids):
        raise ValueError(f"none of the detector's category ids {missing} is in the ground truth: {sorted(known)}")
    return truth | {"categories": [*truth["categories"], *({"id": i, "name": str(i)} for i in missing)]}


def _read(source: Source, indices: list[int], on_error: OnError, told: bool) -> dict[int, np.ndarray]:
    """Pictures by their position, without those that are unreadable and may be skipped; told: one was named before."""
    images = {}
    for i in indices:
        try:
            images[i] = patiently(partial(source.image, i))
        except (ValueError, OSError) as error:
            if on_error == "stop":
                raise
            if not told:
                log.warning("%s; its objects count as missed, further such pictures are only counted", error)
            told = True
    return images


def _chunks(indices: list[int], batch_size: int) -> Iterable[list[int]]:
    size = chunk(batch_size)
    return (indices[i : i + size] for i in range(0, len(indices), size))


def _distributed() -> bool:
    return dist.is_available() and dist.is_initialized()


def _rank() -> int:
    return dist.get_rank() if _distributed() else 0


def _world() -> int:
    return dist.get_world_size() if _distributed() else 1


def _gather(mine: Any) -> list[Any]:
    """Collect what each process passed in, by rank."""
    if not _distributed():
        return [mine]
    gathered: list[Any] = [None] * _world()
    dist.all_gather_object(gathered, mine)
    return gathered
