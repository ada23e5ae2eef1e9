"""From a checkpoint to answers: predictions for images, and the score on a validation split."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from cornernet.checkpoints import load_detector
from cornernet.config import Config
from cornernet.detectors import Predicting, tell_unused
from cornernet.drawing import Style
from cornernet.precision import check_predicting
from cornernet.prediction import exported_detector, inference, inputs, thresholds
from cornernet.prediction import slices as slicing
from cornernet.prediction.inputs import Order
from cornernet.prediction.result import Result
from cornernet.prediction.thresholds import Least, Thresholds


class Predictor:
    """A trained detector with its classes, ready for images: `Predictor.load("best.pt")("street.jpg")`."""

    def __init__(
        self,
        detector: Predicting,
        settings: Config,
        class_names: Sequence[str],
        category_ids: Sequence[int],
        best_f1: Thresholds | None = None,
        source: str | Path = "the detector",
    ):
        """Detector, its config, its classes; scores of the best F1 if they are known, and what it was loaded from."""
        self.detector, self.settings = detector, settings
        self.class_names, self.category_ids = list(class_names), list(category_ids)
        self.best_f1, self.source = best_f1, source

    @classmethod
    def load(cls, path: str | Path, device: str = "auto", overrides: Sequence[str] = ()) -> "Predictor":
        """Checkpoint or exported file, device (auto: a GPU if there is one) and `a.b=c` overrides -> Predictor.

        Raises FileNotFoundError, or ValueError for a file that is neither, an override that is wrong or a device that
        this machine does not have; an exported file runs on the CPU alone.
        """
        exported = exported_detector.is_exported(path)
        detector, settings, held = (exported_detector.load if exported else load_detector)(path, list(overrides))
        if not exported:  # it refuses most of what is in its graph
            tell_unused(settings)
        if exported and str(device) not in ("auto", "cpu"):
            raise ValueError(f"{path} runs on the CPU, as exported files do: device must be auto or cpu, got {device}")
        chosen = torch.device("cpu") if exported else _device(str(device), settings)
        check_predicting(settings.test.precision, chosen.type == "cpu")
        names = held["class_names"]
        known = thresholds.held(held.get("best_f1"), len(names), path)
        return cls(detector.to(chosen), settings, names, held["category_ids"], known, path)

    @property
    def draw_score(self) -> Least:
        """Score from which objects are drawn: test.draw_score, or of each class where that is null and it is known."""
        return thresholds.drawn(self.settings.test.draw_score, self.best_f1)

    @property
    def style(self) -> Style:
        """How objects are drawn: test.draw_line and test.draw_labels."""
        return Style(self.settings.test.draw_line, self.settings.test.draw_labels)

    def __call__(self, images: Any, **options: Any) -> list[Result] | Any:  # Any: the type of a path shows no video
        """Images -> a Result of each, in order: a list, or for a video and a camera a generator.

        images: one image as a path, a uint8 array [h, w, 3], [h, w, 4], [h, w] or [h, w, 1], a PIL image, or a tensor
        [3, h, w], uint8 or floats in [0, 1]; a list of them; an array [B, h, w, 3] or tensor [B, 3, h, w]; a folder
        (all images below it); a video file; a camera's number; the http or rtsp address of a stream.
        options are those of `stream`. Results of files do not hold the image, `draw` reads it again.
        Raises FileNotFoundError or ValueError naming a file that cannot be read, TypeError for anything else.
        """
        found = self.stream(images, **options)
        if inputs.moves(images):
            return found
        return [replace(one, image=None) if one.source else one for one in found]

    def stream(
        self,
        images: Any,
        *,
        order: Order = "bgr",
        score_threshold: float | Sequence[float] | Literal["best_f1"] = 0.0,
        max_detections: int | None = None,
        flip: bool | None = None,
        scales: Sequence[float] | None = None,
        slices: int | Sequence[int] | Mapping[str, Any] | None = None,
        batch_size: int | None = None,
        unreadable: Callable[[Exception], None] | None = None,
    ) -> Iterator[Result]:
        """Read and predict as the loop goes on, so that no number of images is too large; yields Results in order.

        order: of the colours in arrays and tensors, alpha comes last; files need none, and PIL images are RGB whatever
        it says. score_threshold: of what is returned (lower ones than test.nms.min_score are never), one number, one
        for each class by label, or "best_f1": for each class that of its best F1 in the training's last evaluation,
        which the checkpoint holds. The others are of the config where they are None: test.max_per_image,
        test.flip, test.scales, test.batch_size, test.slices (the size of a tile, or the section as a mapping, which
        {"size": None} turns off); `batch_size` images or tiles at once go through the network where their canvases
        agree in size, which moves boxes by no more than rounding does. unreadable: called with the error for a file
        that cannot be read, which then has no Result; None: it is raised. Raises as a call does.
        """
        if order not in ("bgr", "rgb"):
            raise ValueError(f"order must be bgr or rgb, got {order!r}")
        least = thresholds.chosen(score_threshold, self.best_f1, len(self.class_names), self.source)
        settings = inference.settings(self.settings) | _options(max_detections, flip, scales, batch_size)
        if slices is not None:
            settings["slices"] = slicing.given(slices, self.settings.test.slices)
        return self._stream(inputs.read(images, order, unreadable, self.settings.data.bit_depth), settings, least)

    def _stream(
        self, images: Iterator[tuple[str, np.ndarray]], settings: dict[str, Any], least: Least
    ) -> Iterator[Result]:
        while part := list(itertools.islice(images, inference.chunk(settings))):
            found = inference.detect(self.detector, [image for _, image in part], **settings)
            for (source, image), (boxes, scores, labels) in zip(part, found, strict=True):
                kept = scores >= torch.from_numpy(thresholds.of_labels(least, labels.numpy()))
                yield Result(
                    boxes[kept], scores[kept], labels[kept], self.class_names, self.category_ids, source, image,
                    self.draw_score, image.shape[:2], self.settings.data.bit_depth, self.style,
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


def _device(name: str, settings: Config) -> torch.device:
    """auto or a name of torch's -> device; raises ValueError for one that this machine does not have."""
    if name == "auto":
        return torch.device("cuda" if settings.train.device == "auto" and torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # the latter from a torch without CUDA
        here = "auto, cpu" + (", cuda or cuda:N" if torch.cuda.is_available() else " (there is no CUDA GPU here)")
        raise ValueError(f"device must be one that torch finds on this machine: {here}; got {name!r}") from error
