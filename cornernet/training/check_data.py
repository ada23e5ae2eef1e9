"""Look a run's data over before it starts: what was found, and what will be done about it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from cornernet import config, detectors
from cornernet.config import Config, Data
from cornernet.data import check
from cornernet.data.contents import Contents, contents, facts
from cornernet.data.problems import Finding
from cornernet.data.sources import build_source, require_boxes
from cornernet.data.sources.coco import CocoSet
from cornernet.data.sources.source import Source
from cornernet.evaluation.metrics import aligned
from cornernet.system.printing import printable

log = logging.getLogger("cornernet")
REFUSED = "refused"
SWITCHES = {"images=true": True, "images=false": False}
QUICK = 2000  # pictures of a split that a training looks at before it starts; each takes a tenth of a millisecond
Rows = list[tuple[str, Finding]]  # with the split
Splits = dict[str, tuple[Source, Contents]]
TITLES = ("split", "found", "count", "what is done", "the first one")


def report(path: str, overrides: Sequence[str]) -> tuple[str, str]:
    """Config, overrides and images=true to decode every picture -> (report, why the run would be refused or "").

    Raises ValueError or FileNotFoundError for a config that is wrong.
    """
    decode = any(SWITCHES.get(text, False) for text in overrides)
    settings = config.load(path, [text for text in overrides if text not in SWITCHES])
    with torch.device("meta"):
        cell = detectors.build(settings, num_classes=2).cell_size()
    train, found = _open(settings.data, "train", None)
    val, more = _open(settings.data, "val", train)
    rows = [("train", x) for x in found] + [("val", x) for x in more]
    splits = {name: (s, contents(s)) for name, s in (("train", train), ("val", val)) if s is not None}
    sections = [_facts(name, *split) for name, split in splits.items()]
    rows += [*_pictures(splits, decode=decode, progress=True), *_objects(splits, settings.data, cell)]
    stop = settings.data.on_error == "stop"
    depth = "all of every picture was read" if decode else "of each picture the head was read; images=true reads all"
    return "\n\n".join([*sections, _table(rows, stop), depth]), _refusal(rows, stop)


def before_training(settings: Config, detector: nn.Module, train: Source, val: Source) -> None:
    """The same check of sources that were just read, on the heads of at most QUICK pictures, logged where it finds.

    Raises ValueError naming file and record if a picture cannot be used and data.on_error is stop.
    """
    if not isinstance(train, CocoSet):
        return
    splits = {"train": (train, contents(train)), "val": (val, contents(val))}
    rows = [(name, x) for name, x in _pictures(splits, most=QUICK) if x.bad]
    if rows and settings.data.on_error == "stop":
        raise ValueError(f"{_refusal(rows, True)} (data.on_error=skip goes on without; tools/check_data.py lists all)")
    for name, x in [*rows, *_objects(splits, settings.data, detector.cell_size())]:
        log.warning("%s: %d x %s, %s; the first: %s", name, x.count, x.kind, x.outcome, x.example)


def summary(sources: Sequence[Source], blank: int = 0) -> list[str]:
    """What was left out or changed of each source, and pictures that were blank in training, one line each."""
    lines = dict.fromkeys(s.problems.summary() for s in sources if isinstance(s, CocoSet))
    if blank:
        lines[f"left blank in training, since they could not be read: {blank} pictures (data.on_error=skip)"] = None
    return [line for line in lines if line]


def _open(data: Data, split: str, train: Source | None) -> tuple[Source | None, list[Finding]]:
    """Read a split, bad records left out -> (source, findings); no source where there is nothing to be read."""
    classes = (train.category_ids, train.class_names) if train is not None else ()
    try:
        source = build_source(replace(data, on_error="skip"), split, *classes, quiet=True)
    except (ValueError, OSError) as error:
        return None, [Finding("cannot be read", 1, str(error), REFUSED, bad=True)]
    found = _records(source) if isinstance(source, CocoSet) else []
    try:
        if split == "train":
            require_boxes(source)
    except ValueError as error:
        found.append(Finding("no boxes", 1, str(error), REFUSED, bad=True))
    return source, found


def _records(source: CocoSet) -> list[Finding]:
    """What was wrong with the records, with the name of their file."""
    return [x._replace(example=f"{source.annotations.name}: {x.example}") for x in source.problems.findings()]


def _pictures(splits: Splits, **how) -> Rows:
    return [(name, x) for name, (source, _) in splits.items() for x in check.pictures(source, **how)]


def _objects(splits: Splits, data: Data, cell: int) -> Rows:
    """What the objects of the splits are, seen together with the settings of the run."""
    rows = [(name, x) for name, (s, held) in splits.items() for x in check.specks(s, held, _scale(data), cell)]
    if "train" in splits:
        rows += [("train", x) for x in check.crowding(*splits["train"], data.max_objects)]
    if len(splits) == 2:
        (train, train_held), (val, val_held) = splits.values()
        rows += [("both", x) for x in [*check.unseen(train, train_held, val_held), *check.shared(train, val)]]
    return rows


def _scale(data: Data) -> Callable[[int, int], float]:
    """(width, height) of a picture -> the factor by which it is resized for the network, zoom left aside."""
    return partial(_factor, longest=data.longest_side, fitted=None if data.augment.crop else data.input_size)


def _factor(width: int, height: int, longest: int | None, fitted: tuple[int, int] | None) -> float:
    if fitted is not None:
        return min(fitted[0] / height, fitted[1] / width)
    return 1.0 if longest is None else longest / max(width, height)


def _facts(split: str, source: Source, held: Contents) -> str:
    origin = str(source.annotations) if isinstance(source, CocoSet) else "drawn on the fly"
    rows = [(f"  {name}", text) for name, text in facts(source, held)]
    return "\n".join([f"{split}: {printable(origin)}", *aligned(rows, "<<")])


def _table(rows: Rows, stop: bool) -> str:
    if not rows:
        return "nothing odd was found"
    cells = [(split, x.kind, str(x.count), REFUSED if _refused(x, stop) else x.outcome, x.example) for split, x in rows]
    return "\n".join(aligned([TITLES, *cells], "<<><<"))


def _refusal(rows: Rows, stop: bool) -> str:
    """The first finding for which a run does not start, and how many there are, or ""."""
    bad = [(split, x) for split, x in rows if _refused(x, stop)]
    if not bad:
        return ""
    split, first = bad[0]
    others = sum(x.count for _, x in bad) - 1
    return f"{split}: {first.example}" + (f"; {others} more refused" if others else "")


def _refused(found: Finding, stop: bool) -> bool:
    return found.bad and (stop or found.outcome == REFUSED)
