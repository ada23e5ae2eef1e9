"""Input of the whole corner loss."""

import pytest
import torch


def draw(images=2, classes=3, slots=5, counts=(3, 1), stacks=2, tag_dim=1):
    """Random outputs and targets as AELoss takes them, with so many objects in the images."""
    mask = torch.arange(slots) < torch.tensor(counts)[:, None]
    heats = torch.rand(2, images, classes, 6, 6)
    heats[:, torch.arange(images), 0, 1, 2] = (mask.sum(1) > 0).float()
    sizes = [(classes, 6, 6)] * 2 + [(slots, tag_dim)] * 2 + [(slots, 2)] * 2
    outs = [torch.randn(images, *size, requires_grad=True) for size in sizes * stacks]
    return outs, [*heats, mask, *torch.rand(2, images, slots, 2)]


@pytest.fixture
def corner_batch():
    return draw
