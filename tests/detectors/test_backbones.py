"""Any backbone under any detector: strides, what is trained of it, and what the parts of a detector make of them."""

import numpy as np
import pytest
import torch

from cornernet import config, detectors
from cornernet.data.sources.shapes import ShapesSet
from cornernet.profiling.training_step import random_batch

HOURGLASS, RESNET = "model.backbone.name=hourglass", "model.backbone.name=resnet18"
STRIDES = pytest.mark.parametrize("stride", [4, 8])
BACKBONES = pytest.mark.parametrize("backbone", [HOURGLASS, RESNET])


def built(tiny, *overrides):
    settings = config.load(tiny, ["data.input_size=[63,64]", "test.top_k=50", *overrides])
    return detectors.build(settings, 3), settings


@BACKBONES
@STRIDES
def test_every_parameter_of_a_corner_detector_is_trained(tiny, backbone, stride):
    detector, settings = built(tiny, backbone, f"model.backbone.stride={stride}")
    batch = random_batch(settings)
    maps = detector.train().network(torch.rand(2, 3, 63, 64))
    assert len(maps) == (2 if backbone == HOURGLASS else 1)  # supervised behind every stack
    assert {x.shape[-2:] for stack in maps for x in stack[:6]} == {(64 // stride, 64 // stride)}
    detector(batch._replace(labels=batch.labels % 3))["total"].backward()
    assert [name for name, p in detector.named_parameters() if p.grad is None] == []
    assert len(detector.eval().network(torch.rand(1, 3, 63, 64))) == 1


@pytest.mark.parametrize("last", [2, 4, 6])
def test_every_parameter_of_an_anchor_detector_on_a_resnet_is_trained(tiny_anchor, last):
    detector, settings = built(tiny_anchor, RESNET, f"model.anchor.last_level={last}")
    batch = random_batch(settings)
    detector.train()(batch._replace(labels=batch.labels % 3))["total"].backward()
    assert [name for name, p in detector.named_parameters() if p.grad is None] == []
    assert detector.strides == [2**level for level in range(2, last + 1)]


@BACKBONES
@STRIDES
def test_targets_decoding_and_the_truth_have_the_stride_of_the_map(tiny, backbone, stride):
    """The true boxes come back from the targets' own maps, to the pixel, whatever a cell is."""
    detector, _ = built(tiny, backbone, f"model.backbone.stride={stride}", "data.input_size=[64,64]")
    source = ShapesSet("train", 1, size=64, max_objects=1)
    boxes, labels = torch.from_numpy(source.boxes(0)).float(), torch.from_numpy(source.labels(0))
    assert len(boxes) and detector.eval().cell_size() == stride
    image = torch.from_numpy(source.image(0)).permute(2, 0, 1)[None]
    oracle = detector.oracle(image, boxes, labels, torch.tensor([0.0, 0, 64, 64]))
    found = oracle.predict(detector.parts)
    torch.testing.assert_close(found.boxes[0, 0], boxes[0], atol=1e-3, rtol=0)
    assert found.labels[0, 0] == labels[0] and oracle.heat()["top-left corners"].shape == (64 // stride, 64 // stride)


@STRIDES
def test_the_drawn_targets_have_the_stride_too(tiny, stride):
    detector, settings = built(tiny, RESNET, f"model.backbone.stride={stride}")
    batch, seen = random_batch(settings), []
    detector.targets = lambda batch, size: (
        seen.append(size) or detector._encode(batch.boxes, batch.labels % 3, batch.mask, (63, 64), size)
    )
    drawn = detector.draw_targets(batch, [np.zeros((63, 64, 3), np.uint8)] * len(batch.images))
    assert seen == [(64 // stride, 64 // stride)] and len(drawn) == len(batch.images)


def test_a_corner_on_a_resnet_knows_of_what_is_far_away(tiny):
    """Its finest map is made of the coarse ones too, which see all of the image."""
    detector, _ = built(tiny, RESNET)
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    detector.eval().network.backbone(image)[-1][0][0, :, 0, 0].sum().backward()
    assert image.grad[0, :, 60:, 60:].abs().sum() > 0
