"""What only a GPU can show: half precision with a scaler, and a training step that never waits for the device."""

import csv

import pytest
import torch

from cornernet import config, detectors
from cornernet.config import Config
from cornernet.hardware import build_accelerator
from cornernet.profiling import random_batch
from cornernet.training import engine, optim
from cornernet.training.nonfinite_steps import Buffers, NonFiniteSteps

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]

SMALL = [
    "data.name=shapes",
    "data.shapes.size=64",
    "data.shapes.train_images=32",
    "data.shapes.val_images=4",
    "data.input_size=[64,64]",
    "data.workers=1",
    "model.backbone.stacks=1",
    "model.backbone.stem_channels=8",
    "model.backbone.channels=[8,8,8]",
    "model.backbone.blocks=[1,1,1]",
    "model.head.channels=8",
    "model.head.pool_channels=8",
    "train.steps=6",
    "train.batch_size=4",
    "train.milestones=[100]",
]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_run_on_the_gpu_ends_with_finite_figures(tmp_path, precision):
    settings = config.override(Config(), [*SMALL, f"train.precision={precision}", f"work_dir={tmp_path / 'run'}"])
    figures = engine.train(settings)
    assert -1 <= figures["AP"] <= 1
    assert (tmp_path / "run" / "last.pt").exists()


def test_gradients_are_those_of_full_precision_behind_a_scaler(tmp_path):
    held = []
    for precision in ("fp32", "fp16"):
        folder = tmp_path / precision
        words = [f"train.precision={precision}", f"work_dir={folder}", "train.gradients_every=1", "train.steps=1"]
        engine.train(config.override(Config(), [*SMALL, *words]))
        with (folder / "gradients.csv").open() as file:
            held.append({name: float(value) for name, value in next(csv.DictReader(file)).items()})
    assert held[1] == pytest.approx(held[0], rel=0.05)


def test_the_training_step_never_waits_for_the_device():
    settings = config.override(Config(), SMALL)
    detector = detectors.build(settings, 80).cuda().train()
    batch = random_batch(settings).map(torch.Tensor.cuda)
    detector(batch)["total"].backward()  # the first call may build its kernels
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        detector(batch)["total"].backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(p.grad is not None for p in detector.parameters())


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_a_bad_step_is_left_out_without_waiting_for_the_device(optimizer):
    settings = config.override(Config(), [*SMALL, f"train.optimizer={optimizer}", "train.ema=0.9"])
    detector = detectors.build(settings, 80).cuda().train()
    accelerator = build_accelerator(settings)
    prepared = accelerator.prepare(optim.build_optimizer(detector, settings.train))
    averaged, nonfinite_steps = optim.build_average(detector, 0.9), NonFiniteSteps(3, accelerator)
    batch = random_batch(settings).map(torch.Tensor.cuda)
    for spoil in (1.0, float("nan")):
        before = {key: value.clone() for key, value in detector.state_dict().items()}
        kept, terms = Buffers(detector), detector(batch)
        (terms["total"] * spoil).backward()
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            bad = nonfinite_steps.judge(0, terms, detector.parameters())
            nonfinite_steps.update(bad, prepared, kept, detector, averaged)
            nonfinite_steps.too_many()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        prepared.zero_grad()
    assert all(torch.equal(value, before[key]) for key, value in detector.state_dict().items())
    assert not nonfinite_steps.too_many(wait=True) and nonfinite_steps.count == 1
