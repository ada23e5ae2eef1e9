"""Run a detector once over a data set and see what the truth in place of its parts would change.

Every image is seen once: resized to data.longest_side, at scale 1 (or the one of test.scales, if it is one), not
flipped, on one canvas. Its output is decoded as it is and with parts of it replaced by the truth: the detector's parts
one after the other, and each alone; what else it names, by itself; and of several classes that of the predicted boxes.
All of these pass through the same suppression and are scored as an evaluation is.
"""

import heapq
import logging
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from cornernet.config import Config
from cornernet.data import Source, patiently
from cornernet.detectors import Detector, Oracle
from cornernet.evaluation.diagnosis.classes import TRUE_CLASS, called, true_classes
from cornernet.evaluation.diagnosis.found import SIZES, Diagnosis, Outcome, Parts, Seen, Setting
from cornernet.evaluation.diagnosis.missed import REASONS, Answer, match, reasons
from cornernet.evaluation.scoring import score
from cornernet.evaluation.truth import from_source, placed
from cornernet.precision import predicting
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
from cornernet.system.progress import following

log = logging.getLogger("cornernet")


def settings(config: Config) -> Setting:
    """Config -> Setting."""
    test, data = config.test, config.data
    scale = test.scales[0] if len(test.scales) == 1 else 1.0
    least = DRAWN if test.draw_score is None else test.draw_score
    skip = data.on_error == "skip"
    return Setting(
        scale, data.longest_side, test.nms, test.max_per_image, least, test.backend, skip, test.draw_labels,
        test.precision,
    )  # fmt: skip


def variants(parts: Sequence[str], alone: Sequence[str] = ()) -> list[Parts]:
    """What is replaced: nothing, the parts one after the other, those alone that are not among these, and the rest."""
    chain = [tuple(parts[:n]) for n in range(len(parts) + 1)]
    return [*chain, *((part,) for part in (*parts, *alone) if (part,) not in chain)]


def diagnose(detector: Detector, source: Source, setting: Setting, images: int = 0, progress=True) -> Diagnosis:
    """Detector and a data set of its classes -> Diagnosis with the `images` worst images.

    The network runs once an image. Raises ValueError or OSError for an image that cannot be read, unless it is to be
    skipped; its objects count as missed then.
    """
    classes = [TRUE_CLASS] if len(source.class_names) > 1 else []
    cases = variants(detector.parts, [*detector.alone, *classes])
    answered: dict[Parts, list[ImageDetections]] = {parts: [] for parts in cases}
    image_ids: list[int | str] = []  # of those that could be read
    vocabulary = {**detector.reasons, **REASONS}
    done = Diagnosis(setting, tuple(detector.parts), vocabulary, {}, [])
    worst: list[tuple[int, int, int, Seen]] = []  # a heap, the least bad on top
    with evaluating(detector), torch.inference_mode():
        for i in following(range(len(source)), len(source), "image", "diagnose", progress):
            image = _read(source, i, setting.skip)
            if image is None:
                count = len(source.boxes(i))
                done.outcomes += _outcomes(source, i, ["unreadable"] * count, [None] * count, {})
                continue
            seen, answers, limits = _image(detector, source, i, image, cases, setting)
            image_ids.append(source.record(i).image_id)
            for parts, answer in answers.items():
                answered[parts].append(answer.found)
            names = called(seen.boxes, torch.from_numpy(source.labels(i)), answers[()].found)
            done.outcomes += _outcomes(source, i, seen.reasons, names, limits)
            stray = int((seen.objects < 0).sum())
            done.shown, done.stray = done.shown + len(seen.objects), done.stray + stray
            heapq.heappush(worst, (sum(map(bool, seen.reasons)), stray, -i, seen))
            if len(worst) > images:
                heapq.heappop(worst)
    done.worst = [seen for *_, seen in sorted(worst, key=lambda entry: entry[:3], reverse=True)]
    truth = from_source(source)
    for parts, detections in answered.items():
        found = placed(collected(detections, image_ids, source.category_ids), truth)
        done.scores[parts] = score(truth, found, setting.backend, limit=setting.max_per_image).metrics
    return done


def _image(
    detector: Detector, source: Source, i: int, image: np.ndarray, cases: list[Parts], setting: Setting
) -> tuple[Seen, dict[Parts, Answer], dict[str, Tensor]]:
    """One image -> what is drawn of it, its detections in every case, and the objects that no truth can show."""
    fitted = fit(detector, image, setting.scale, setting.longest_side)
    boxes, labels = torch.from_numpy(source.boxes(i)), torch.from_numpy(source.labels(i))
    of_detector = [parts for parts in cases if parts != (TRUE_CLASS,)]
    with predicting(setting.precision, device_of(detector)):
        oracle = _oracle(detector, fitted, image.shape[:2], boxes, labels)
        found = {parts: oracle.predict(parts) for parts in of_detector}
    rows = {parts: _rows(answer, fitted, image.shape[:2]) for parts, answer in found.items()}
    if len(of_detector) < len(cases):
        rows[TRUE_CLASS,] = true_classes(rows[()], boxes, labels)
    answers = {parts: _answer(left, setting) for parts, left in rows.items()}
    why = reasons(boxes, labels, answers[()], setting.min_score, oracle.reason)
    shown = answers[()].shown(setting.min_score)
    (left, top), (fx, fy), (height, width) = fitted.pad, fitted.factor, fitted.canvas.shape[:2]
    heat = {title: x.cpu().numpy().astype(np.float16) for title, x in oracle.heat().items()}
    extent = (-left / fx, (width - left) / fx, (height - top) / fy, -top / fy)
    links, objects = oracle.links(shown.boxes).numpy(), match(boxes, labels, shown)
    name, names = source.record(i).file_name, source.class_names
    of_objects = [names[label] for label in labels.tolist()]
    found_as = [
        f"{names[k]} {score:.2f}" for k, score in zip(shown.labels.tolist(), shown.scores.tolist(), strict=True)
    ]
    seen = Seen(name, image, boxes, why, shown, objects, heat, extent, links, of_objects, found_as)
    return seen, answers, {name: mask.cpu() for name, mask in oracle.limits().items()}


def _oracle(detector: Detector, fitted: Fitted, size: tuple[int, int], boxes: Tensor, labels: Tensor) -> Oracle:
    device = device_of(detector)
    image = torch.from_numpy(fitted.canvas).permute(2, 0, 1)[None].contiguous().to(device)
    frame = boxes.new_tensor([[0, 0, size[1], size[0]]])
    placed = torch.cat([frame, boxes]) * boxes.new_tensor(fitted.factor * 2) + boxes.new_tensor(fitted.pad * 2)
    return detector.oracle(image, placed[1:].to(device), labels.to(device), placed[0].to(device))


def _rows(found: Detections, fitted: Fitted, size: tuple[int, int]) -> Detections:
    """Detections of one canvas -> those of the image in its own pixels, without the batch."""
    return pooled([to_original(Detections(*(x[0].cpu() for x in found)), fitted)], size)


def _answer(rows: Detections, setting: Setting) -> Answer:
    """Rows of an image -> what becomes of them, as in `inference.detect`."""
    kept = after_nms(rows, setting.nms)
    return Answer(rows, kept, best(kept.boxes, kept.scores, rows.labels[kept.index], setting.max_per_image))


def _outcomes(
    source: Source, i: int, why: list[str], names: list[int | None], limits: dict[str, Tensor]
) -> Iterator[Outcome]:
    record = source.record(i)
    for m, (box, label) in enumerate(zip(source.boxes(i).tolist(), source.labels(i).tolist(), strict=True)):
        area = (box[2] - box[0]) * (box[3] - box[1])
        size = next(name for name, limit in SIZES.items() if area < limit)
        held = [name for name, mask in limits.items() if mask[m]]
        category, name = source.category_ids[label], source.class_names[label]
        found_as = None if (other := names[m]) is None else source.class_names[other]
        yield Outcome(record.image_id, record.file_name, m, category, name, box, size, why[m], held, found_as)


def _read(source: Source, i: int, skip: bool) -> np.ndarray | None:
    try:
        return patiently(partial(source.image, i))
    except (ValueError, OSError) as error:
        if not skip:
            raise
        log.warning("%s; it is left out and its objects count as missed", error)
        return None
