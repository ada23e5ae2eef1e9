"""Run a detector once over a data set and see what the truth in place of its parts would change.

Every image is seen once: resized to data.longest_side, at scale 1 (or the one of test.scales, if it is one), not
flipped, on one canvas. Its output is decoded as it is and with parts of it replaced by the truth: the detector's parts
one after the other, and each alone. All of these pass through the same suppression and are scored as an evaluation is.
"""

import heapq
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from cornernet.config import Config, Nms
from cornernet.data import Source, patiently
from cornernet.detectors import Detector, Oracle
from cornernet.evaluation.diagnosis.missed import REASONS, Answer, match, reasons
from cornernet.evaluation.metrics import Metrics
from cornernet.evaluation.scoring import Backend, score
from cornernet.evaluation.truth import from_coco, placed
from cornernet.prediction import (
    DRAWN,
    Fitted,
    after_nms,
    best,
    collected,
    device_of,
    evaluating,
    fit,
    pooled,
    to_original,
)
from cornernet.structures import Detections, ImageDetections

log = logging.getLogger("cornernet")
Parts = tuple[str, ...]
SIZES = {"small": 32**2, "medium": 96**2, "large": float("inf")}  # up to which area, in original pixels


class Setting(NamedTuple):
    """How images are seen and detections made."""

    scale: float
    longest_side: int | None
    nms: Nms
    max_per_image: int
    min_score: float  # of what is shown
    backend: Backend
    skip: bool  # images that cannot be read, instead of stopping


class Outcome(NamedTuple):
    """An annotated object and what became of it."""

    image_id: int | str
    file_name: str
    index: int  # type: ignore[assignment]  # among the objects of its image; hides tuple.index
    category_id: int
    name: str  # of the class
    box: list[float]  # xyxy, original pixels
    size: str  # a key of SIZES, by the area of the box
    reason: str  # why it is missed, "" if it is not
    limits: list[str]  # what even the truth cannot show of it


class Seen(NamedTuple):
    """An image with everything that is drawn of it."""

    file_name: str
    image: np.ndarray  # [h, w, 3] uint8 BGR
    boxes: Tensor  # [M, 4], of the objects, original pixels
    reasons: list[str]  # of the objects
    shown: ImageDetections
    objects: Tensor  # [n] int64, the object of each detection shown, -1 for none
    heat: dict[str, np.ndarray]  # title -> [h, w] float16 over the canvas
    extent: tuple[float, float, float, float]  # x1, x2, y2, y1 of the canvas in original pixels
    links: np.ndarray  # [k, 2, 2] (x, y), original pixels, of the detections shown


@dataclass
class Diagnosis:
    """What was found."""

    setting: Setting
    parts: Parts
    vocabulary: dict[str, str]  # reason -> one line
    scores: dict[Parts, Metrics]  # by the parts that were replaced
    outcomes: list[Outcome]
    shown: int = 0  # detections
    stray: int = 0  # of these, matched to no object
    worst: list[Seen] = field(default_factory=list)  # most objects missed first


def settings(config: Config) -> Setting:
    """Config -> Setting."""
    test, data = config.test, config.data
    scale = test.scales[0] if len(test.scales) == 1 else 1.0
    least = DRAWN if test.draw_score is None else test.draw_score
    return Setting(scale, data.longest_side, test.nms, test.max_per_image, least, test.backend, data.on_error == "skip")


def variants(parts: Sequence[str]) -> list[Parts]:
    """What is replaced: nothing, the parts one after the other, and those alone that are not among these."""
    chain = [tuple(parts[:n]) for n in range(len(parts) + 1)]
    return [*chain, *((part,) for part in parts if (part,) not in chain)]


def diagnose(detector: Detector, source: Source, setting: Setting, images: int = 0, progress=True) -> Diagnosis:
    """Detector and a data set of its classes -> Diagnosis with the `images` worst images.

    The network runs once an image. Raises ValueError or OSError for an image that cannot be read, unless it is to be
    skipped; its objects count as missed then.
    """
    cases = variants(detector.parts)
    answered: dict[Parts, list[ImageDetections]] = {parts: [] for parts in cases}
    image_ids: list[int | str] = []  # of those that could be read
    vocabulary = {**detector.reasons, **REASONS}
    done = Diagnosis(setting, tuple(detector.parts), vocabulary, {}, [])
    worst: list[tuple[int, int, int, Seen]] = []  # a heap, the least bad on top
    with evaluating(detector), torch.inference_mode():
        for i in tqdm(range(len(source)), desc="diagnose", unit="image", disable=not progress):
            image = _read(source, i, setting.skip)
            if image is None:
                done.outcomes += _outcomes(source, i, ["unreadable"] * len(source.boxes(i)), {})
                continue
            seen, answers, limits = _image(detector, source, i, image, cases, setting)
            image_ids.append(source.record(i).image_id)
            for parts, answer in answers.items():
                answered[parts].append(answer.found)
            done.outcomes += _outcomes(source, i, seen.reasons, limits)
            stray = int((seen.objects < 0).sum())
            done.shown, done.stray = done.shown + len(seen.objects), done.stray + stray
            heapq.heappush(worst, (sum(map(bool, seen.reasons)), stray, -i, seen))
            if len(worst) > images:
                heapq.heappop(worst)
    done.worst = [seen for *_, seen in sorted(worst, key=lambda entry: entry[:3], reverse=True)]
    truth = from_coco(source.coco())
    for parts, detections in answered.items():
        found = placed(collected(detections, image_ids, source.category_ids), truth)
        done.scores[parts] = score(truth, found, setting.backend).metrics
    return done


def _image(
    detector: Detector, source: Source, i: int, image: np.ndarray, cases: list[Parts], setting: Setting
) -> tuple[Seen, dict[Parts, Answer], dict[str, Tensor]]:
    """One image -> what is drawn of it, its detections in every case, and the objects that no truth can show."""
    fitted = fit(detector, image, setting.scale, setting.longest_side)
    boxes, labels = torch.from_numpy(source.boxes(i)), torch.from_numpy(source.labels(i))
    oracle = _oracle(detector, fitted, image.shape[:2], boxes, labels)
    answers = {parts: _answer(oracle.predict(parts), fitted, image.shape[:2], setting) for parts in cases}
    why = reasons(boxes, labels, answers[()], setting.min_score, oracle.reason)
    shown = answers[()].shown(setting.min_score)
    (left, top), (fx, fy), (height, width) = fitted.pad, fitted.factor, fitted.canvas.shape[:2]
    heat = {title: x.cpu().numpy().astype(np.float16) for title, x in oracle.heat().items()}
    extent = (-left / fx, (width - left) / fx, (height - top) / fy, -top / fy)
    links, objects = oracle.links(shown.boxes).numpy(), match(boxes, labels, shown)
    name = source.record(i).file_name
    seen = Seen(name, image, boxes, why, shown, objects, heat, extent, links)
    return seen, answers, {name: mask.cpu() for name, mask in oracle.limits().items()}


def _oracle(detector: Detector, fitted: Fitted, size: tuple[int, int], boxes: Tensor, labels: Tensor) -> Oracle:
    device = device_of(detector)
    image = torch.from_numpy(fitted.canvas).permute(2, 0, 1)[None].contiguous().to(device)
    frame = boxes.new_tensor([[0, 0, size[1], size[0]]])
    placed = torch.cat([frame, boxes]) * boxes.new_tensor(fitted.factor * 2) + boxes.new_tensor(fitted.pad * 2)
    return detector.oracle(image, placed[1:].to(device), labels.to(device), placed[0].to(device))


def _answer(found: Detections, fitted: Fitted, size: tuple[int, int], setting: Setting) -> Answer:
    """Detections of one canvas -> what becomes of them, as in `inference.detect`."""
    rows = pooled([to_original(Detections(*(x[0].cpu() for x in found)), fitted)], size)
    kept = after_nms(rows, setting.nms)
    return Answer(rows, kept, best(kept.boxes, kept.scores, rows.labels[kept.index], setting.max_per_image))


def _outcomes(source: Source, i: int, why: list[str], limits: dict[str, Tensor]) -> Iterator[Outcome]:
    record = source.record(i)
    for m, (box, label) in enumerate(zip(source.boxes(i).tolist(), source.labels(i).tolist(), strict=True)):
        area = (box[2] - box[0]) * (box[3] - box[1])
        size = next(name for name, limit in SIZES.items() if area < limit)
        held = [name for name, mask in limits.items() if mask[m]]
        category, name = source.category_ids[label], source.class_names[label]
        yield Outcome(record.image_id, record.file_name, m, category, name, box, size, why[m], held)


def _read(source: Source, i: int, skip: bool) -> np.ndarray | None:
    try:
        return patiently(partial(source.image, i))
    except (ValueError, OSError) as error:
        if not skip:
            raise
        log.warning("%s; it is left out and its objects count as missed", error)
        return None
