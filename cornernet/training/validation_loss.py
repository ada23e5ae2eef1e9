"""The loss on the validation set, measured beside the COCO figures at every evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from cornernet.config import Config, Train
from cornernet.data import Source, plain_batches
from cornernet.detectors import Detector
from cornernet.hardware import to_device
from cornernet.training import parts
from cornernet.training.nonfinite_steps import untouched


def validation_loss(
    detector: Detector, source: Source, settings: Config, accelerator: Accelerator, progress: float
) -> dict[str, float]:
    """Detector that is evaluated, validation source, share of the run that is done -> mean of every loss term.

    Of train.val_loss_images images, spread evenly over the set, or of all if it has fewer; {} where that is 0. The
    images are fitted into the input of the training and not changed otherwise; BatchNorm uses its running statistics.
    Every process of a run calls this and measures all of them, so that the terms' shares agree. Nothing of the detector
    and no random number of the training is changed.
    """
    train = settings.train
    places = np.linspace(0, len(source) - 1, min(train.val_loss_images, len(source))).round().astype(int).tolist()
    size = max(1, train.batch_size // (train.accumulate * accelerator.num_processes))
    sums: dict[str, Tensor] = {}
    count = 0
    with _as_in_training(detector, train, progress), accelerator.autocast():
        for batch in plain_batches(settings.data, source, places, size):
            terms = detector(to_device(batch, accelerator.device, train.channels_last))
            count += len(batch.index)
            sums = {name: sums.get(name, 0) + value.float() * len(batch.index) for name, value in terms.items()}
    return {name: float(value) / count for name, value in sums.items()}


@contextmanager
def _as_in_training(detector: Detector, settings: Train, progress: float) -> Iterator[None]:
    """Meanwhile the detector gives the terms of a training, in which running means of its losses move; then it is put
    back into eval mode, with the buffers of before.
    """
    if detector.progress is not None:
        detector.progress.fill_(progress)
    parts.train_mode(detector, replace(settings, freeze_norm=True))
    try:
        with torch.no_grad(), untouched(detector):
            yield
    finally:
        detector.eval()
