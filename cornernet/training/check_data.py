"""Look a run's data over before it starts: what was found, and what will be done about it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from cornernet import config, detectors
from cornernet.config import Config, Data
from cornernet.config.transforms import whole_images
from cornernet.data import (
    Contents,
    Finding,
    Source,
    build_source,
    check,
    identical,
    narrow,
    require_boxes,
    typed_data,
    with_depth,
)
from cornernet.data.contents import contents
from cornernet.detectors import Detector
from cornernet.evaluation import beyond_reach

log = logging.getLogger("cornernet")
REFUSED = "refused"
QUICK = 2000  # images of a split that a training looks at before it starts; each takes a tenth of a millisecond
Rows = list[tuple[str, Finding]]  # with the split
Splits = dict[str, tuple[Source, Contents]]


class Report(NamedTuple):
    """What was found in the data of a config."""

    splits: Splits  # those that could be read
    rows: Rows  # what is odd about them
    stop: bool  # whether a run refuses what it cannot use
    decoded: bool  # whether all of every image was read

    def refusal(self) -> str:
        """Why a run of the config would not start: the first of them, and how many there are; or an empty text."""
        return _refusal(self.rows, self.stop)


def report(path: str | Path, overrides: Sequence[str] = (), decode: bool = False) -> Report:
    """Config and overrides -> what is found in its data; decode: read all of every image, not its head alone.

    Raises ValueError or FileNotFoundError for a config that is wrong.
    """
    settings = config.load(path, overrides)
    with torch.device("meta"):
        cell = detectors.build(settings, num_classes=2).cell_size()
    train, found = _open(settings, "train", None)
    if train is not None:
        train = with_depth(train, settings.data.bit_depth)
        depth = getattr(train, "bit_depth", settings.data.bit_depth)
        settings = replace(settings, data=replace(settings.data, bit_depth=depth))
    val, more = _open(settings, "val", train)
    rows = [("train", x) for x in found] + [("val", x) for x in more]
    splits = {name: (s, contents(s)) for name, s in (("train", train), ("val", val)) if s is not None}
    rows += [*_images(splits, decode=decode, progress=True), *_values(splits, settings.data)]
    rows += [*_objects(splits, settings, cell), *_classes(splits)]
    rows += identical.images({name: source for name, (source, _) in splits.items()}, decode)
    return Report(splits, rows, settings.data.on_error == "stop", decode)


def before_training(settings: Config, detector: Detector, train: Source, val: Source) -> None:
    """The same check of sources that were just read, on the heads of at most QUICK images, logged where it finds.

    Raises ValueError naming file and record if an image cannot be used and data.on_error is stop.
    """
    if train.root is None:
        return
    splits = {"train": (train, contents(train)), "val": (val, contents(val))}
    rows = [(name, x) for name, x in _images(splits, most=QUICK) if x.bad]
    if rows and settings.data.on_error == "stop":
        raise ValueError(f"{_refusal(rows, True)}; tools/check_data.py lists all")
    if len(train) + len(val) <= QUICK:
        rows += identical.images({"train": train, "val": val})
    for name, x in [*rows, *_values(splits, settings.data), *_objects(splits, settings, detector.cell_size())]:
        log.warning("%s: %d x %s, %s; the first: %s", name, x.count, x.kind, x.outcome, x.example)


def _open(settings: Config, split: str, train: Source | None) -> tuple[Source | None, list[Finding]]:
    """Read a split as a run does, or else without bad records -> (source, findings); no source where none can be."""
    ids, names = (None, None) if train is None else (train.category_ids, train.class_names)
    try:
        try:
            source = build_source(settings.data, split, ids, names, True, typed_data(settings))
        except ValueError:  # a bad record, which ends a run: all of them shall be found
            left = replace(settings.data, on_error="skip")
            source = build_source(left, split, ids, names, True, typed_data(settings))
    except (ValueError, OSError) as error:
        return None, [Finding("cannot be read", 1, str(error), REFUSED, bad=True)]
    held = split == "val" and (settings.data.val.split or settings.data.val.search)
    found = [] if held else _records(source)  # those of training hold them
    try:
        if split == "train":
            require_boxes(source)
    except ValueError as error:
        found.append(Finding("no boxes", 1, str(error), REFUSED, bad=True))
    return source, found


def _records(source: Source) -> list[Finding]:
    """What was wrong with the records, with the name of their file."""
    return [x._replace(example=f"{Path(source.origin).name}: {x.example}") for x in source.problems.findings()]


def _images(splits: Splits, **how) -> Rows:
    return [(name, x) for name, (source, _) in splits.items() for x in check.images(source, **how)]


def _values(splits: Splits, data: Data) -> Rows:
    return [(name, x) for name, (source, _) in splits.items() for x in narrow(source, data.bit_depth, data.std)]


def _objects(splits: Splits, settings: Config, cell: int) -> Rows:
    """What the objects of the splits are, seen together with the settings of the run."""
    data = settings.data
    rows = [(name, x) for name, (s, held) in splits.items() for x in check.specks(s, held, _scale(data), cell)]
    rows += [(name, x) for name, (s, held) in splits.items() for x in check.crowds(s, held)]
    if "train" in splits:
        rows += [("train", x) for x in check.crowding(*splits["train"], data.max_objects)]
    if len(splits) == 2:
        (train, train_held), (val, val_held) = splits.values()
        rows += [("both", x) for x in [*check.unseen(train, train_held, val_held), *check.shared(train, val)]]
    return [*rows, *_scored(splits, settings)]


def _scored(splits: Splits, settings: Config) -> Rows:
    """What the figures of the validation set cannot show."""
    return [("val", x) for x in (beyond_reach(splits["val"][0], settings, splits["val"][1]) if "val" in splits else ())]


def _classes(splits: Splits) -> Rows:
    """What of its classes a split lacks, where both could be read."""
    if len(splits) < 2:
        return []
    (train, train_held), (val, val_held) = splits.values()
    rows = [("train", x) for x in check.absent(train, train_held, val_held)]
    return rows + [("val", x) for x in check.unmeasured(val, val_held, train_held)]


def _scale(data: Data) -> Callable[[int, int], float]:
    """(width, height) of an image -> the factor by which it is resized for the network, zoom left aside."""
    fitted = data.input_size if whole_images(data.transforms) else None
    return partial(_factor, longest=data.longest_side, fitted=fitted)


def _factor(width: int, height: int, longest: int | None, fitted: tuple[int, int] | None) -> float:
    if fitted is not None:
        return min(fitted[0] / height, fitted[1] / width)
    return 1.0 if longest is None else longest / max(width, height)


def _refusal(rows: Rows, stop: bool) -> str:
    """The first finding for which a run does not start, and how many there are, or ""."""
    bad = [(split, x) for split, x in rows if refused(x, stop)]
    if not bad:
        return ""
    split, first = bad[0]
    others = sum(x.count for _, x in bad) - 1
    passed = "" if any(refused(x, False) for _, x in bad) else " (data.on_error=skip goes on without)"
    return f"{split}: {first.example}" + (f"; {others} more refused" if others else "") + passed


def refused(found: Finding, stop: bool) -> bool:
    """Whether a run that stops at what it cannot use does not start for it, or one that does not stop either."""
    return found.bad and (stop or found.outcome == REFUSED)
