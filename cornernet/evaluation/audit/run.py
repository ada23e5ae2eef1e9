"""From a checkpoint to an audit on disk."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cornernet.data import Source, build_source, typed_data
from cornernet.detectors import Predicting
from cornernet.evaluation.audit.alike import Pair, pairs
from cornernet.evaluation.audit.corrected import corrected
from cornernet.evaluation.audit.doubts import Doubt, doubts
from cornernet.evaluation.audit.finding import Audit, Finding
from cornernet.evaluation.audit.page import document
from cornernet.evaluation.evaluate import predictions
from cornernet.evaluation.report.images import Image, by_image
from cornernet.evaluation.truth import Truth, from_source, placed
from cornernet.prediction import Found, Predictor, inference, outputs
from cornernet.system import writing

log = logging.getLogger("cornernet")
LEAST = 0.3  # sureness from which on there is a finding, unless the call says another


def audit_checkpoint(
    checkpoint: str | Path, split: str = "val", overrides: Sequence[str] = (), out: Path | None = None,
    least: float = LEAST,
) -> tuple[Audit, Path]:  # fmt: skip
    """Hold the labels of a split against what a checkpoint finds, write it -> (audit, folder that holds it).

    split: "val" or "train"; overrides: `a.b=c` of the config; out: the folder, audit-SPLIT beside the checkpoint unless
    it is given; least: sureness from which on there is a finding. What is written are audit.json, index.html and
    corrected/SPLIT.json. Images that cannot be read are left out and named. Raises as Predictor.load does, and for data
    that cannot be read or whose classes the checkpoint does not know.
    """
    predictor = Predictor.load(checkpoint, overrides=overrides)
    sources = _sources(predictor, split, Path(checkpoint).parent)
    folder = outputs.folder(checkpoint, out, f"audit-{split}")
    found = audit(predictor.detector, sources, least, **inference.settings(predictor.settings))
    write(found, sources, folder, "/".join(Path(checkpoint).resolve().parts[-2:]))
    return found, folder


def _sources(predictor: Predictor, split: str, run: Path) -> dict[str, Source]:
    """The split under audit, and the other one where it can be had."""
    config, ids, names = predictor.settings, predictor.category_ids, predictor.class_names
    build = partial(build_source, config.data, typed=typed_data(config), run=run)
    sources, other = {split: build(split, ids, names)}, "train" if split == "val" else "val"
    try:
        sources[other] = build(other, quiet=True)
    except (OSError, ValueError) as error:
        log.warning("%s; images of %s are compared with one another alone", error, split)
    return sources


def audit(
    detector: Predicting, sources: Mapping[str, Source], least: float = LEAST, progress: bool = True, **settings: Any
) -> Audit:
    """Detector, sources by split, the one under audit first -> Audit; settings: the arguments of `inference.detect`.

    Images of the other splits are only compared with those of the first.
    """
    split, source = next(iter(sources.items()))
    found, *_ = predictions(detector, source, on_error="skip", progress=progress, **settings)
    truth = from_source(source)
    done = judge(truth, found, split, least)
    done.findings += [_alike(x, source) for x in pairs(sources, progress) if x.sureness >= least]
    done.findings.sort(key=lambda x: -x.sureness)
    return done


def judge(truth: Truth, found: Found, split: str, least: float = LEAST) -> Audit:
    """Labels of a set, detections of those of its images that could be read -> Audit of the labels alone."""
    read = set(found.image_ids)
    each = by_image(truth, placed(found, truth))
    kept = [at for at, number in enumerate(truth.image_ids) if number in read]
    doubted = doubts([each[at] for at in kept], len(truth.class_names))
    order = np.argsort(truth.images, kind="stable")  # rows of an image are those of `by_image`
    start = np.searchsorted(truth.images[order], np.arange(len(each)))
    findings = [
        _finding(one, each[at], at, order[start[at] :], truth)
        for at, of in zip(kept, doubted, strict=True)
        for one in of
        if one.sureness >= least
    ]
    labels = sum(int((~each[at].crowd).sum()) for at in kept)
    unreadable = [truth.names[at] for at, number in enumerate(truth.image_ids) if number not in read]
    findings.sort(key=lambda x: -x.sureness)
    return Audit(split, findings, len(kept), labels, least, unreadable, split == "train")


def write(found: Audit, sources: Mapping[str, Source], folder: Path, title: str) -> None:
    """Write audit.json, index.html and corrected/SPLIT.json into a folder, made if need be; older ones are replaced."""
    (folder / "corrected").mkdir(parents=True, exist_ok=True)
    source = sources[found.split]
    files = {"audit.json": contents(found), f"corrected/{found.split}.json": corrected(source.coco(), found.findings)}
    for name, content in files.items():
        writing.write(folder / name, json.dumps(content, indent=1, allow_nan=False) + "\n")
    writing.write(folder / "index.html", document(found, sources, title).encode("utf-8", "replace"))


def contents(found: Audit) -> dict[str, Any]:
    """What audit.json holds; `annotation` is the id in corrected/SPLIT.json."""
    held = asdict(found)
    held["findings"] = [_row(x) for x in found.findings]
    return held


def _row(x: Finding) -> dict[str, Any]:
    row = {
        "kind": x.kind, "sureness": x.sureness, "image_id": x.image_id, "image": x.image, "box": x.box,
        "class_said": x.class_said, "box_found": x.box_found, "class_found": x.class_found, "score": x.score,
        "annotation": None if x.label is None else x.label + 1,
    }  # fmt: skip
    return row if x.other is None else {**row, "other": {"split": x.other[0], "image": x.other[2]}}


def _finding(one: Doubt, image: Image, at: int, rows: np.ndarray, truth: Truth) -> Finding:
    """Doubt about an image, the image, its position, rows of its labels in the truth -> Finding."""
    names, labelled = truth.class_names, one.label >= 0
    box_found, k, score = None, None, None
    if one.found >= 0:
        box_found, k = _xyxy(image.found[one.found]), int(image.found_labels[one.found])
        score = float(image.scores[one.found])
    elif one.twin >= 0:
        box_found, k = _xyxy(image.boxes[one.twin]), int(image.labels[one.twin])
    return Finding(
        one.kind, one.sureness, at, truth.image_ids[at], image.name,
        label=int(rows[one.label]) if labelled else None,
        box=_xyxy(image.boxes[one.label]) if labelled else None,
        class_said=names[image.labels[one.label]] if labelled else None,
        box_found=box_found, class_found=None if k is None else names[k],
        category_found=None if k is None else truth.category_ids[k], score=score,
    )  # fmt: skip


def _xyxy(box: Any) -> tuple[float, ...]:
    x, y, width, height = (float(v) for v in box)
    return (x, y, x + width, y + height)


def _alike(pair: Pair, source: Source) -> Finding:
    number = source.record(pair.one.position).image_id
    other = pair.other.split, pair.other.position, pair.other.name
    return Finding("alike", pair.sureness, pair.one.position, number, pair.one.name, other=other)
