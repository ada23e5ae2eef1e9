"""The score of a checkpoint, or of an exported file, on its own validation split."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cornernet.data import build_source, summary, typed_data, unlike
from cornernet.evaluation import evaluate, report
from cornernet.evaluation.chosen import known
from cornernet.evaluation.metrics import Metrics
from cornernet.evaluation.reach import beyond_reach, sentence
from cornernet.prediction import Predictor, inference, outputs

log = logging.getLogger("cornernet")


class Evaluation(NamedTuple):
    """The score of a checkpoint, and where the rest of it lies."""

    metrics: Metrics
    folder: Path  # of metrics.json, predictions.json and report
    report: Path | None  # page of the report, if there is one
    left_out: list[str]  # what of the data was not used, a line each


def evaluate_checkpoint(checkpoint: str | Path, overrides: Sequence[str] = (), out: Path | None = None) -> Evaluation:
    """Score a checkpoint or an exported file on its validation split, write what came out.

    What is written are metrics.json, predictions.json and the folder report, into out or evaluation/ beside the file.
    Raises as Predictor.load does, and for data that cannot be read or whose classes the checkpoint does not know.
    """
    predictor = Predictor.load(checkpoint, overrides=overrides)
    settings, ids, names = predictor.settings, predictor.category_ids, predictor.class_names
    data, run = settings.data, Path(checkpoint).parent
    source = build_source(data, "val", ids, names, typed=typed_data(settings), run=run)
    for found in beyond_reach(source, settings):
        log.warning("%s", sentence(found))
    if text := unlike(source, data.bit_depth):
        log.warning("%s", text)
    folder = outputs.folder(checkpoint, out, "evaluation")
    metrics = evaluate.evaluate(
        predictor.detector, source, category_ids=predictor.category_ids, folder=folder,
        backend=predictor.settings.test.backend, metric=known(predictor.settings, checkpoint),
        report=report.options(predictor.settings, _title(checkpoint), run),
        on_error=predictor.settings.data.on_error, **inference.settings(predictor.settings),
    )  # fmt: skip
    page = folder / "report" / "index.html" if predictor.settings.test.report else None
    return Evaluation(metrics, folder, page, summary([source]))


def _title(checkpoint: str | Path) -> str:
    """Folder and name of a checkpoint: the page of a report travels, and need not tell where it was made."""
    return "/".join(Path(checkpoint).resolve().parts[-2:])
