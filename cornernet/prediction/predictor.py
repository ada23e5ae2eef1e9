"""From a checkpoint to answers: predictions for images, and the score on a validation split."""

import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from cornernet.checkpoints import load_detector
from cornernet.config import Config, ranges
from cornernet.data import read_image
from cornernet.detectors import Predicting
from cornernet.prediction import exported_detector, inference
from cornernet.prediction.media import Video, find_images, is_video, open_video
from cornernet.prediction.result import Result

Order = Literal["bgr", "rgb"]
PATH = (str, os.PathLike)
KINDS = (
    "a path of an image, folder or video, a camera's number, a uint8 array [h, w, 3] of NumPy, a tensor [B, 3, h, w], "
    "or a list of paths, arrays and tensors"
)


class Predictor:
    """A trained detector with its classes, ready for images: `Predictor.load("best.pt")("street.jpg")`."""

    def __init__(self, detector: Predicting, settings: Config, class_names: Sequence[str], category_ids: Sequence[int]):
        self.detector, self.settings = detector, settings
        self.class_names, self.category_ids = list(class_names), list(category_ids)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto", overrides: Sequence[str] = ()) -> "Predictor":
        """Checkpoint or exported .onnx, device (auto: a GPU if there is one) and `a.b=c` overrides -> Predictor.

        Raises FileNotFoundError, or ValueError for a file that is neither, an override that is wrong or a device that
        this machine does not have; an exported file runs on the CPU alone.
        """
        exported = exported_detector.is_exported(path)
        detector, settings, held = (exported_detector.load if exported else load_detector)(path, list(overrides))
        ranges.ranges(settings, ranges.TEST_RANGES)
        if exported and str(device) not in ("auto", "cpu"):
            raise ValueError(f"{path} runs on the CPU, as exported files do: device must be auto or cpu, got {device}")
        chosen = torch.device("cpu") if exported else _device(str(device), settings)
        return cls(detector.to(chosen), settings, held["class_names"], held["category_ids"])

    def __call__(self, images: Any, **options: Any) -> list[Result] | Any:  # Any: the type of a path shows no video
        """Images -> a Result of each, in order: a list, or for a video and a camera a generator.

        images: one image as a path, a uint8 array [h, w, 3] or a tensor [3, h, w], uint8 or floats in [0, 1]; a list
        of them; an array [B, h, w, 3] or tensor [B, 3, h, w]; a folder (all images below it); a video file; a
        camera's number.
        options are those of `stream`. Results of files do not hold the image, `draw` reads it again.
        Raises FileNotFoundError or ValueError naming a file that cannot be read, TypeError for anything else.
        """
        found = self.stream(images, **options)
        if _is_video(images):
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
        """Read and predict as the loop goes on, so that no number of images is too large; yields Results in order.

        order: of the colours in arrays and tensors; files need none. score_threshold: of what is returned (lower ones
        than test.nms.min_score are never). The others are of the config where they are None: test.max_per_image,
        test.flip, test.scales, test.batch_size; `batch_size` images at once go through the network where their
        canvases agree in size, which moves boxes by no more than rounding does. unreadable: called with the error for a
        file that cannot be read, which then has no Result; None: it is raised. Raises as a call does.
        """
        if order not in ("bgr", "rgb"):
            raise ValueError(f"order must be bgr or rgb, got {order!r}")
        if not isinstance(score_threshold, Real) or not 0 <= score_threshold <= 1:
            raise ValueError(f"score_threshold must be a number from 0 to 1, got {score_threshold!r}")
        settings = inference.settings(self.settings) | _options(max_detections, flip, scales, batch_size)
        return self._stream(_images(images, order, unreadable), settings, score_threshold)

    def _stream(
        self, images: Iterator[tuple[str, np.ndarray]], settings: dict[str, Any], least: float
    ) -> Iterator[Result]:
        while part := list(itertools.islice(images, inference.chunk(settings["batch_size"]))):
            found = inference.detect(self.detector, [image for _, image in part], **settings)
            for (source, image), (boxes, scores, labels) in zip(part, found, strict=True):
                kept = scores >= least
                yield Result(
                    boxes[kept], scores[kept], labels[kept], self.class_names, self.category_ids, source, image,
                    self.settings.test.draw_score,
                )  # fmt: skip


def _options(max_detections: Any, flip: Any, scales: Any, batch_size: Any) -> dict[str, Any]:
    """Options of a call that are given -> the settings of `inference.detect` that they change."""
    for name, value in (("max_detections", max_detections), ("batch_size", batch_size)):
        if value is not None and (not isinstance(value, Integral) or isinstance(value, bool) or value < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if flip is not None and not isinstance(flip, bool):
        raise ValueError(f"flip must be True or False, got {flip!r}")
    if scales is not None:
        try:
            scales = tuple(float(scale) for scale in scales)
        except (TypeError, ValueError):
            raise ValueError(f"scales must be a list of positive numbers, got {scales!r}") from None
        if not scales or not all(0 < scale < math.inf for scale in scales):
            raise ValueError(f"scales must be positive numbers, at least one, got {list(scales)}")
    given = {"max_per_image": max_detections, "flip": flip, "scales": scales, "batch_size": batch_size}
    return {key: value for key, value in given.items() if value is not None}


def _is_video(images: Any) -> bool:
    if isinstance(images, Video):
        return True
    return _one(images) and is_video(int(images) if isinstance(images, Integral) else images)


def _one(images: Any) -> bool:
    """Whether it is a path or a camera's number."""
    return isinstance(images, (*PATH, Integral)) and not isinstance(images, bool)


def _images(images: Any, order: Order, unreadable: Callable | None) -> Iterator[tuple[str, np.ndarray]]:
    """Any source -> (file or "", image [h, w, 3] uint8 BGR); raises TypeError for what is none, at once where no
    generator has to be run for it.
    """
    if _is_video(images):
        video = images
        if not isinstance(images, Video):
            video = open_video(int(images) if isinstance(images, Integral) else images)
        return ((f"{video.name}#{i}", frame) for i, frame in enumerate(video))
    if isinstance(images, PATH):
        return _read(find_images(images), order, unreadable)
    if isinstance(images, Tensor):
        return _read(_of_tensor(images), order, unreadable)
    if isinstance(images, np.ndarray):
        return _read(images if images.ndim == 4 else [images], order, unreadable)
    if not isinstance(images, Iterable) or isinstance(images, (bytes, Mapping)):
        raise TypeError(f"images must be {KINDS}; got {type(images).__name__}")
    if not isinstance(images, Iterator):
        images = list(images)
        for item in images:
            _check(item)
    return _read(images, order, unreadable)


def _check(item: Any) -> None:
    if not isinstance(item, (*PATH, np.ndarray, Tensor)):
        raise TypeError(f"images must be {KINDS}; got {type(item).__name__} in the list")


def _read(several: Iterable, order: Order, unreadable: Callable | None) -> Iterator[tuple[str, np.ndarray]]:
    for index, item in enumerate(several):
        _check(item)
        for array in _of_tensor(item) if isinstance(item, Tensor) else [item]:
            if isinstance(array, np.ndarray):
                inference.check_image(array, index)
                yield "", array if order == "bgr" else np.ascontiguousarray(array[..., ::-1])
                continue
            try:
                image = read_image(array)
            except (OSError, ValueError) as error:
                if unreadable is None:
                    raise
                unreadable(error)
                continue
            yield str(array), image


def _of_tensor(images: Tensor) -> list[np.ndarray]:
    """Tensor [3, h, w] or [B, 3, h, w], uint8 or floats in [0, 1] -> arrays [h, w, 3] uint8."""
    batch = images[None] if images.ndim == 3 else images
    if batch.ndim != 4 or batch.shape[1] != 3:
        raise ValueError(f"a tensor of images must be [3, h, w] or [B, 3, h, w], got {list(images.shape)}")
    batch = batch.detach().cpu()
    if batch.is_floating_point():
        if not ((batch >= 0) & (batch <= 1)).all():
            raise ValueError("a tensor of floats must hold values from 0 to 1; give 0 to 255 as uint8")
        batch = (batch.float() * 255).round().to(torch.uint8)
    if batch.dtype != torch.uint8:
        raise ValueError(f"a tensor of images must be uint8 or floats in [0, 1], got {batch.dtype}")
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
