"""A run as one of two: its settings, its validation set, and what it found there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from cornernet import config
from cornernet.checkpoints import check_numbers, from_file
from cornernet.config import Config
from cornernet.data import Source, build_source, typed_data
from cornernet.evaluation.evaluate import predictions, truth_of
from cornernet.evaluation.truth import Truth, placed
from cornernet.prediction import Found, Predictor, from_results, inference

SETTINGS = ("resolved.yaml", "config.yaml")  # the former lies where someone else's config.yaml does
DETECTIONS = "predictions.json"
LARGEST = {**dict.fromkeys(SETTINGS, 2**20), DETECTIONS: 2**30}  # bytes; a detection has some 150


class Member(NamedTuple):
    """A run, or a checkpoint of one."""

    name: str
    folder: Path  # of the run, with its log
    settings: Config
    source: Source  # its validation set
    truth: Truth
    found: Found  # in the terms of the truth
    origin: str  # of the detections, in words


def member(path: Path, name: str, overrides: Sequence[str] = ()) -> Member:
    """Folder of a run, whose saved detections are taken, or a checkpoint, which is evaluated anew -> Member."""
    return (_saved if path.is_dir() else _anew)(path, name, overrides)


def _saved(path: Path, name: str, overrides: Sequence[str]) -> Member:
    if idle := [text for text in overrides if not text.startswith(("data.", "data="))]:
        raise ValueError(
            f"{idle[0]} cannot change detections that are saved: for {path} only keys of data can be set; "
            f"a checkpoint in its place is evaluated anew, such as {path / 'best.pt'}"
        )
    own = next((path / each for each in SETTINGS if (path / each).is_file()), path / SETTINGS[-1])
    if absent := [each.name for each in (own, path / DETECTIONS) if not each.is_file()]:
        raise ValueError(
            f"{path} has no {' and no '.join(absent)}: expected the folder of a run that was evaluated, or a checkpoint"
        )
    settings = config.override(from_file(_values(own), own), overrides)
    check_numbers(settings, overrides, own)
    source = build_source(settings.data, "val", typed=typed_data(settings), run=path)
    found = _results(path / DETECTIONS)
    return _member(name, path, settings, source, found, "saved by its last evaluation")


def _anew(path: Path, name: str, overrides: Sequence[str]) -> Member:
    predictor = Predictor.load(path, overrides=overrides)
    settings, ids, names = predictor.settings, predictor.category_ids, predictor.class_names
    source = build_source(settings.data, "val", ids, names, typed=typed_data(settings), run=path.parent)
    found, *_ = predictions(
        predictor.detector, source, category_ids=ids, on_error=settings.data.on_error, **inference.settings(settings)
    )
    return _member(name, path.parent, settings, source, found, "evaluated anew")


def _member(name: str, folder: Path, settings: Config, source: Source, found: Found, origin: str) -> Member:
    try:
        truth = truth_of(source, found.category_ids)
        found = placed(found, truth)
    except ValueError as error:  # of which of the two
        raise ValueError(f"{name}: {error}") from None
    return Member(name, folder, settings, source, truth, found, origin)


def _read(path: Path) -> bytes:
    if (size := path.stat().st_size) > (most := LARGEST[path.name]):
        raise ValueError(f"{path} has {size} bytes, at most {most} are allowed")
    return path.read_bytes()


def _values(path: Path) -> dict:
    data = _read(path)
    try:
        values = yaml.safe_load(data.decode())
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # of ValueErrors there are dates that are none
        raise ValueError(f"{path} is not readable as YAML: {str(error).partition(chr(10))[0]}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path} does not hold the settings of a run")
    return values


def _results(path: Path) -> Found:
    """Detections in COCO's results format; raises ValueError, one sentence, for a file that holds something else."""
    data = _read(path)
    try:
        rows = json.loads(data)
        found = from_results(rows) if isinstance(rows, list) else None
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        found = None
    if found is None or found.scores.ndim != 1 or len(found.boxes) != len(found.scores):
        raise ValueError(
            f"{path} does not hold detections in COCO's results format, rows of image_id, category_id, bbox and score"
        )
    if len(wrong := found.scores[~((found.scores >= 0) & (found.scores <= 1))]):
        raise ValueError(f"{path} has a detection of score {wrong[0]}, expected are scores from 0 to 1")
    return found
