"""The transforms of a config, tried on a small image before a run reads its first."""

import numpy as np

from cornernet.config import Data
from cornernet.data.device import prepare
from cornernet.data.loader import collate
from cornernet.data.pipeline import build, run
from cornernet.structures import Batch, LabelledImage, Sample

HEIGHT, WIDTH, SEEN = 48, 64, 64  # of the image, in pixels, and of what the device is given of a sample


def try_transforms(data: Data, typed: bool = False) -> None:
    """Raise ValueError, one sentence, for transforms that cannot be built, called, or that leave another size.

    typed: as in `pipeline.build`.
    """
    pipeline = build(data, typed)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    boxes = np.array([[8, 8, 40, 40], [20, 4, 60, 30]], np.float32)
    labels = np.zeros(2, np.int64)
    made, numbers = run(pipeline, (0, 0, 0), lambda _: LabelledImage(image.copy(), boxes.copy(), labels.copy()), 1)
    batch = collate([Sample(*made, 0, numbers)] * 2, 1, uses=pipeline.changes())
    assert isinstance(batch, Batch)  # no sample was a Failure
    small = batch._replace(images=batch.images[..., :SEEN, :SEEN].contiguous())
    for use, change in zip(pipeline.changes(), batch.changes, strict=True):
        _try_change(use.label, small._replace(changes=(change,)))


def _try_change(label: str, batch: Batch) -> None:
    try:
        prepare(batch, (0.0,) * 3, (1.0,) * 3)
    except Exception as error:  # someone else's function may fail in any way
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ValueError(f"{label} cannot be done on the device: {reason}") from error
