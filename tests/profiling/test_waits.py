"""What would make the host wait for a GPU, named by its line; and that no training step does."""

import pytest
import torch

from cornernet import config, detectors
from cornernet.profiling import random_batch
from cornernet.profiling.waits import waits
from cornernet.training.optim import build_average

CPU = torch.device("cpu")
X, MASK = torch.arange(4.0), torch.tensor([True, False, True, False])
WAITING = {
    "item": lambda: X.sum().item(),
    "tolist": lambda: X.tolist(),
    "__bool__": lambda: bool(X.sum() > 1),
    "nonzero": lambda: MASK.nonzero(),
    "__getitem__": lambda: X[MASK],
    "new_tensor": lambda: X.new_tensor([1, 2]),
    "tensor": lambda: torch.tensor([1.0], device=X.device),
    "where": lambda: torch.where(MASK),
    "repeat_interleave": lambda: X.repeat_interleave(torch.tensor([1, 2, 0, 1])),
}
FREE = [
    lambda: X.where(MASK, 0).sum() + X[1] + X[None, :2].sum(),
    lambda: torch.as_tensor(X, device=X.device) + torch.tensor(1.0) + torch.where(MASK, X, 0).sum(),
    lambda: X.repeat_interleave(2),
]
SMALL = [
    "train.batch_size=2", "train.precision=fp32", "data.max_objects=6", "data.input_size=[128,128]",
    "data.longest_side=128", "model.backbone.weights=''",
]  # fmt: skip


@pytest.mark.parametrize("name", WAITING)
def test_what_waits_is_named_by_its_line(name):
    (found,) = waits(WAITING[name], CPU)
    assert found.startswith(f"{name}, {__file__}:")


@pytest.mark.parametrize("call", FREE)
def test_what_does_not_wait_is_not_named(call):
    assert waits(call, CPU) == []


@pytest.mark.parametrize("name", ["shapes", "custom", "anchor_shapes", "points_shapes", "centripetal_shapes"])
def test_no_training_step_waits(name):
    settings = config.load(name, SMALL)
    detector = detectors.build(settings, 3).train()
    batch = random_batch(settings, 3, 4)
    assert waits(lambda: detector(batch)["total"].backward(), CPU) == []


def test_the_average_does_not_wait_either():
    detector = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    averaged = build_average(detector, 0.9)
    averaged.update_parameters(detector)
    averaged.skip = torch.zeros(())
    assert [x for x in waits(lambda: averaged.update_parameters(detector), CPU) if "__int__" not in x] == []
