"""The published augmentation, now five files in a list: with equal draws every sample is what it was, bit for bit."""

import numpy as np
import pytest
import torch

from benchmarks.measure import formulation
from cornernet.config import Data
from cornernet.data import ShapesSet, pipeline, streams
from cornernet.data.loader import collate
from cornernet.structures import LabelledImage, Sample

SETTINGS = {"flip": 0.5, "vertical": 0.4, "strength": 0.3, "std": 0.2}
SCALES = [0.3, 0.7, 1.0, 1.7]


@pytest.mark.parametrize("longest", [None, 50, 130])
@pytest.mark.parametrize("cropping", [True, False])
@pytest.mark.parametrize("size", [(64, 64), (95, 127)])
def test_with_equal_draws_nothing_has_changed(one_stream, size, cropping, longest):
    shapes, plain = ShapesSet("train", 12, size=100), formulation("augmentation")
    frame = {"crop": {"scales": SCALES, "border": 32}} if cropping else {"fit": {}}
    transforms = {
        **frame, "flip": {"p": 0.5, "vertical": 0.4}, "colour": {"strength": 0.3}, "lighting": {"std": 0.2},
    }  # fmt: skip
    made = pipeline.build(Data(input_size=size, longest_side=longest, transforms=transforms))
    scales, objects = SCALES if cropping else None, 0
    for index in range(12):
        given = shapes.image(index), shapes.boxes(index), shapes.labels(index)
        expected = plain.sample(
            streams.stream("augment", 1, 2, index), *given, size, scales, 32, *SETTINGS.values(), longest
        )
        found, numbers = pipeline.run(made, (1, 2, index), lambda _, given=given: LabelledImage(*given), 12)
        (batch,) = [collate([Sample(*found, index, numbers)], 8, made.changes())]
        jitter, light = (change.numbers for change in batch.changes)
        drawn = [jitter["order"][0], jitter["alpha"][0], light["light"][0]]
        for ours, theirs in zip([*found, *map(torch.Tensor.numpy, drawn)], expected, strict=True):
            assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
        objects += len(found.boxes)
    assert objects > 12
