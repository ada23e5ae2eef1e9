"""From a checkpoint to answers: predictions for pictures, and the score on a validation split."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from cornernet import check_data, checks, evaluate, inference, outputs, report
from cornernet.config import Config
from cornernet.data.images import read_image
from cornernet.data.sources import build_source
from cornernet.metrics import table
from cornernet.pictures import Video, find_pictures, is_video, open_video
from cornernet.result import Result
from cornernet.state import load_detector

Order = Literal["bgr", "rgb"]
PATH = (str, os.PathLike)
KINDS = (
    "a path of a picture, folder or video, a camera's number, a uint8 array [h, w, 3] of NumPy, a tensor [B, 3, h, w], "
    "or a list of paths and arrays"
)


class Predictor:
    """A trained detector with its classes, ready for pictures: `Predictor.load("best.pt")("street.jpg")`."""

    def __init__(self, detector: nn.Module, settings: Config, class_names: Sequence[str], category_ids: Sequence[int]):
        self.detector, self.settings = detector, settings
        self.class_names, self.category_ids = list(class_names), list(category_ids)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto", overrides: Sequence[str] = ()) -> "Predictor":
        """Checkpoint, device (auto: a GPU if there is one) and `a.b=c` overrides of its config -> Predictor.

        Raises FileNotFoundError, or ValueError for a file that is not a checkpoint, an override that is wrong or a
        device that this machine does not have.
        """
        detector, settings, held = load_detector(path, list(overrides))
        checks.ranges(settings, checks.TEST_RANGES)
        chosen = _device(str(device), settings)
        return cls(detector.to(chosen), settings, held["class_names"], held["category_ids"])

    def __call__(self, images: Any, **options: Any) -> list[Result] | Iterator[Result]:
        """Pictures -> a Result of each, in order: a list, or for a video and a camera a generator.

        images: one picture as a path or a uint8 array [h, w, 3]; a list of them; a tensor [3, h, w] or [B, 3, h, w],
        uint8 or floats in [0, 1]; a folder (all pictures below it); a video file; a camera's number.
        options are those of `stream`. Results of files do not hold the picture, `draw` reads it again.
        Raises FileNotFoundError or ValueError naming a file that cannot be read, TypeError for anything else.
        """
        found = self.stream(images, **options)
        if isinstance(images, Video) or (_one(images) and is_video(images)):
            return found
        return [replace(one, image=None) if one.source else one for one in found]

    def stream(
        self,
        images: Any,
        *,
        order: Order = "bgr",
        score_threshold: float = 0.0,
        max_detections: int | None = None,
        flip: bool | None = None,
        scales: Sequence[float] | None = None,
        batch_size: int | None = None,
        unreadable: Callable[[Exception], None] | None = None,
    ) -> Iterator[Result]:
        """Read and predict as the loop goes on, so that no number of pictures is too large; yields Results in order.

        order: of the colours in arrays and tensors; files need none. score_threshold: of what is returned (lower ones
        than test.nms.min_score are never). The others are of the config where they are None: test.max_per_image,
        test.flip, test.scales, test.batch_size; `batch_size` pictures at once go through the network where their
        canvases agree in size, and the boxes do not depend on it. unreadable: called with the error for a file that
        cannot be read, which then has no Result; None: it is raised.
        """
        given = {"max_per_image": max_detections, "flip": flip, "scales": scales, "batch_size": batch_size}
        settings = inference.settings(self.settings) | {k: v for k, v in given.items() if v is not None}
        if order not in ("bgr", "rgb"):
            raise ValueError(f"order must be bgr or rgb, got {order!r}")
        if not 0 <= score_threshold <= 1:
            raise ValueError(f"score_threshold must be between 0 and 1, got {score_threshold}")
        if max_detections is not None and max_detections < 1:
            raise ValueError(f"max_detections must be at least 1, got {max_detections}")
        inference.detect(self.detector, [], **settings)  # its complaints come now, not with the first picture
        return self._stream(_pictures(images, order, unreadable), settings, score_threshold)

    def _stream(
        self, pictures: Iterator[tuple[str, np.ndarray]], settings: dict[str, Any], least: float
    ) -> Iterator[Result]:
        while part := list(itertools.islice(pictures, inference.chunk(settings["batch_size"]))):
            found = inference.detect(self.detector, [image for _, image in part], **settings)
            for (source, image), (boxes, scores, labels) in zip(part, found, strict=True):
                kept = scores >= least
                yield Result(
                    boxes[kept], scores[kept], labels[kept], self.class_names, self.category_ids, source, image,
                    self.settings.test.draw_score,
                )  # fmt: skip


def _one(images: Any) -> bool:
    """Whether it is a path or a camera's number."""
    return isinstance(images, (*PATH, int)) and not isinstance(images, bool)


def _pictures(images: Any, order: Order, unreadable: Callable | None) -> Iterator[tuple[str, np.ndarray]]:
    """Any source -> (file or "", picture [h, w, 3] uint8 BGR); raises TypeError at once for what is none."""
    if isinstance(images, Video) or (_one(images) and is_video(images)):
        video = images if isinstance(images, Video) else open_video(images)
        return ((f"{video.name}#{i}", frame) for i, frame in enumerate(video))
    if isinstance(images, PATH):
        return _read(find_pictures(Path(images)), order, unreadable)
    if isinstance(images, Tensor):
        return _read(_of_tensor(images), order, unreadable)
    alone = not isinstance(images, Iterable) or isinstance(images, (np.ndarray, bytes))
    several = [images] if alone else list(images)
    if wrong := [type(x).__name__ for x in several if not isinstance(x, (*PATH, np.ndarray))]:
        raise TypeError(f"pictures must be {KINDS}; got {wrong[0]}")
    return _read(several, order, unreadable)


def _read(several: Iterable, order: Order, unreadable: Callable | None) -> Iterator[tuple[str, np.ndarray]]:
    for item in several:
        if isinstance(item, np.ndarray):
            yield "", item if order == "bgr" else np.ascontiguousarray(item[..., ::-1])
            continue
        try:
            image = read_image(item)
        except (OSError, ValueError) as error:
            if unreadable is None:
                raise
            unreadable(error)
            continue
        yield str(item), image


def _of_tensor(images: Tensor) -> list[np.ndarray]:
    """Tensor [3, h, w] or [B, 3, h, w], uint8 or floats in [0, 1] -> arrays [h, w, 3] uint8."""
    batch = images[None] if images.ndim == 3 else images
    if batch.ndim != 4 or batch.shape[1] != 3:
        raise ValueError(f"a tensor of pictures must be [3, h, w] or [B, 3, h, w], got {list(images.shape)}")
    batch = batch.detach().cpu()
    if batch.is_floating_point():
        if not ((batch >= 0) & (batch <= 1)).all():
            raise ValueError("a tensor of floats must hold values from 0 to 1; give 0 to 255 as uint8")
        batch = (batch.float() * 255).round().to(torch.uint8)
    if batch.dtype != torch.uint8:
        raise ValueError(f"a tensor of pictures must be uint8 or floats in [0, 1], got {batch.dtype}")
    return [np.ascontiguousarray(image) for image in batch.permute(0, 2, 3, 1).numpy()]


def _device(name: str, settings: Config) -> torch.device:
    """auto or a name of torch's -> device; raises ValueError for one that this machine does not have."""
    if name == "auto":
        return torch.device("cuda" if settings.train.device == "auto" and torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # the latter from a torch without CUDA
        here = "auto, cpu" + (", cuda or cuda:N" if torch.cuda.is_available() else " (there is no CUDA GPU here)")
        raise ValueError(f"device must be one that torch finds on this machine: {here}; got {name!r}") from error


def evaluate_checkpoint(checkpoint: str, overrides: Sequence[str] = ()) -> str:
    """Score a checkpoint on its validation split, write metrics.json, predictions.json and report/ -> the table.

    Raises as Predictor.load does, and for data that cannot be read or whose classes the checkpoint does not know.
    """
    chosen, overrides = outputs.split(overrides)
    predictor = Predictor.load(checkpoint, overrides=overrides)
    source = build_source(predictor.settings.data, "val", predictor.category_ids, predictor.class_names)
    folder = outputs.folder(checkpoint, chosen, "evaluation")
    metrics = evaluate.evaluate(
        predictor.detector, source, category_ids=predictor.category_ids, folder=folder,
        backend=predictor.settings.test.backend, report=report.wanted(predictor.settings, checkpoint),
        on_error=predictor.settings.data.on_error, **inference.settings(predictor.settings),
    )  # fmt: skip
    lines = [table(metrics), "", *check_data.summary([source])]
    page = f"; the report is {folder / 'report' / 'index.html'}" if predictor.settings.test.report else ""
    return "\n".join([*lines, f"metrics.json and predictions.json written to {folder}{page}"])
