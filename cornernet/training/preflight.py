"""Before any data is read: settings that do not go together end a run in its first second, not after hours."""

import dataclasses
import os

import torch

from cornernet import config, detectors, evaluation
from cornernet.checkpoints import without_weights
from cornernet.config import Component, Config, elsewhere, ranges
from cornernet.data import try_transforms
from cornernet.detectors import Detector
from cornernet.losses import build_from, role_of, trial
from cornernet.precision import check_predicting
from cornernet.prediction import inference
from cornernet.structures import Batch
from cornernet.system.limits import open_files
from cornernet.training import optim, parts, telling

# Open files at the least and at ease: of the process itself, and of each that loads with its batches on their way.
OPEN_FILES, MANY_OPEN_FILES = (48, 12), (256, 64)
CLASSES = 2  # of the detector that settings are tried on before the data are known


def check(settings: Config, weights: bool = True) -> None:
    """Raise ValueError for settings that do not go together, before any data is read: none shows up hours later.

    weights: open the file of model.backbone.weights too, which a run that goes on from a checkpoint does not need.
    """
    settings = settings if weights else without_weights(settings)
    ranges.ranges(settings, {**ranges.RANGES, **ranges.TEST_RANGES})
    ranges.weights(settings)
    if words := config.untyped(settings, "train"):
        raise ValueError(elsewhere.refusal("the config", words))
    telling.makers(settings)
    evaluation.chosen(settings.train.metric, typed=True)
    with torch.device("meta"):  # shapes without numbers
        detector = detectors.build(settings, CLASSES)
    try_transforms(settings.data, typed=not config.untyped(settings, "data.transforms"))
    ranges.whole_images(settings)
    ranges.compiling(settings)
    ranges.patience(settings)
    room_for_workers(settings.data.workers)
    batch_norm(detector, settings)
    if settings.train.gradient_checkpointing:
        detector.network.segments()
    if settings.train.gradients_every:
        detector.network.shared()
    parts.freeze(detector.network, settings.train.freeze)
    optim.build_optimizer(detector, settings.train)
    optim.build_average(detector, settings.train.ema)
    check_predicting(settings.test.precision, settings.train.device == "cpu" or not torch.cuda.is_available())
    inference.detect(detector, [], **inference.settings(settings))
    try_parts(settings)
    for role, loss in detectors.roles(settings).items():
        if "." in loss.name:  # one from elsewhere, tried beside the default ones
            held = {"features": settings.loss.features} if role.startswith("feature_") else {role: loss}
            alone = dataclasses.replace(settings, loss=config.Losses(**held))
            if role != "box":  # the default one has its own space
                anchor = dataclasses.replace(settings.model.anchor, box_space="auto")
                alone = dataclasses.replace(alone, model=dataclasses.replace(settings.model, anchor=anchor))
            try_loss(detectors.build(alone, CLASSES), role, loss.name)
            try_sense(settings, role, loss, detector.feature_width)


def room_for_workers(workers: int) -> None:
    """Raise ValueError where loader processes would want for open files: they hang then, or end in the midst of it."""
    least, ample = (begin + each * workers for begin, each in (OPEN_FILES, MANY_OPEN_FILES))
    allowed = open_files(ample) if workers else 0
    if 0 < allowed < least:
        raise ValueError(
            f"data.workers={workers} needs {least} open files or more, and this process may have {allowed} "
            "(ulimit -n); data.workers=0 loads without processes"
        )


def batch_norm(detector: Detector, settings: Config) -> None:
    """Raise ValueError where a batch of one image leaves BatchNorm one value of a channel, which has no spread."""
    train = settings.train
    if train.freeze_norm or train.batch_size // (train.accumulate * int(os.environ.get("WORLD_SIZE", 1))) != 1:
        return
    height, width = settings.data.input_size
    try:
        detector.network.train()(torch.zeros(1, 3, height, width, device="meta"))
    except Exception as error:  # a network of someone's own may need numbers; what is wrong its first step says
        if "more than 1 value per channel" in str(error):
            raise ValueError(
                f"data.input_size {list(settings.data.input_size)} shrinks to one cell, and BatchNorm needs two values "
                "of a channel: more images than one at once (train.batch_size, train.accumulate), a larger "
                "data.input_size, or train.freeze_norm=true"
            ) from None


def check_weights(settings: Config) -> None:
    """Raise ValueError or FileNotFoundError where model.backbone.weights does not fit, for a run that begins there."""
    if settings.model.backbone.weights:
        with torch.device("meta"):
            detectors.build(settings, CLASSES)


def try_parts(settings: Config) -> None:
    """Try a detector with parts from elsewhere on a small batch: it must learn from one and find boxes in its images.

    Raises ValueError with the words that name the parts, where they do not.
    """
    words = elsewhere.needed(config.to_dict(settings), ["model"])
    if not words:
        return
    try:
        detector = detectors.build(dataclasses.replace(settings, loss=config.Losses()), CLASSES)
        batch = _small_batch(detector)
        detector(batch)["total"].backward()
        with torch.no_grad():
            detector.eval().predict(batch.images)
    except Exception as error:  # someone else's part may fail in any way
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ValueError(f"{' '.join(words)} does not work on a small batch: {reason}") from error


def try_loss(detector: Detector, role: str, name: str) -> None:
    """Try a loss from elsewhere on one small batch; detector: any, on the CPU, whose other losses are known to work.

    Raises ValueError naming the role where the loss cannot be called there or gives no scalar.
    """
    try:
        total = detector(_small_batch(detector))["total"]
    except Exception as error:  # someone else's function may fail in any way
        reason = trial.raised(role_of(role), error)
        raise ValueError(f"loss.{role}.name={name} cannot be called as the {role} loss is: {reason}") from error
    if total.dim():
        raise ValueError(f"loss.{role}.name={name} must give one number, got a tensor of shape {list(total.shape)}")


def try_sense(settings: Config, place: str, loss: Component, feature_width: int | None) -> None:
    """Ask a loss from elsewhere what every loss of its role answers alike; raises ValueError with what it does not.

    feature_width: `Detector.feature_width`, without which a feature loss is not asked.
    """
    role = role_of(place)
    dim = feature_width if role == "feature" else settings.model.head.tag_dim
    if dim is None:
        return
    classes = 1 if place == "pair" else CLASSES
    known = {"num_classes": classes, "image_size": tuple(settings.data.input_size), "progress": torch.zeros(())}
    known |= {"dim": dim} if role == "feature" else {}
    built = build_from(role, loss.name, loss.args, known, typed=True)
    try:
        why = trial.unfit(role, built, classes, dim)
    except Exception as error:  # someone else's function may fail in any way
        why = trial.raised(role, error)
    if why:
        raise ValueError(f"loss.{place}.name={loss.name} makes no sense as the {place} loss: {why}")


def _small_batch(detector: Detector) -> Batch:
    """Two black images with an object each, of the smallest size that the detector takes."""
    height, width = detector.fit_size(32, 32)
    boxes = torch.tensor([2.0, 2.0, width - 4, height - 4]).expand(2, 1, 4)
    none = torch.zeros(2, dtype=torch.long)
    return Batch(
        images=torch.zeros(2, 3, height, width, dtype=torch.uint8),
        boxes=boxes, labels=none[:, None], mask=torch.ones(2, 1, dtype=torch.bool), index=none, dropped=none,
    )  # fmt: skip
