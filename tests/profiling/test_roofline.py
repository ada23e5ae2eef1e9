"""The roofline by hand, and what moves it."""

import pytest
import torch

from cornernet import config
from cornernet.profiling import Machine, check, estimate
from cornernet.profiling.counting import Step
from cornernet.profiling.roofline import Costs, costs, device_batch, largest_batch, peak_rate, times

ONCE = Step(
    forward_flops=100, flops=300, moved=60, operations=[(300, 10), (0, 50)], kept=20, peak=30, weights=8, gradients=8,
    state=16,
)  # fmt: skip
FOUND = Costs(part=2, parts=1, once=ONCE, flops=150, moved=30, kept=10, peak=12, fixed=40, optimiser=20)
MACHINE = Machine(flops=100, bandwidth=10, memory=100, link=4, devices=4)


def test_times_by_hand():
    took = times(FOUND, MACHINE)
    assert took.arithmetic == 3 and took.traffic == 60 / 10 + 20 / 10
    assert took.one_by_one == 3 + 5 + 2  # the first is bound by its operations, the second by its bytes
    assert took.all_reduce == 2 * 3 / 4 * 8 / 4
    assert took.roofline == 8
    assert times(FOUND, MACHINE._replace(bandwidth=1000)).roofline == 3
    assert times(FOUND, MACHINE._replace(devices=1)).all_reduce == 0


def test_parts_of_a_batch_run_one_after_the_other_and_update_once():
    took = times(FOUND._replace(parts=3), MACHINE)
    assert (took.arithmetic, took.traffic, took.one_by_one) == (9, 3 * 6 + 2, 3 * 8 + 2)


def test_the_largest_batch_by_hand():
    assert [largest_batch(FOUND, memory) for memory in (100, 64, 63.9, 39)] == [5, 2, 1, 0]


@pytest.mark.parametrize(("precision", "rate"), [("bf16", 312), ("fp16", 312), ("auto", 312), ("fp32", 156)])
def test_rates_are_those_published(precision, rate, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert peak_rate(precision) == rate
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    assert peak_rate(precision) == (19.5 if precision == "fp32" else rate)


def test_a_batch_is_shared_out(tiny):
    settings = config.load(tiny, ["train.batch_size=12", "train.accumulate=2"])
    assert device_batch(settings, 3) == 2
    with pytest.raises(ValueError, match="nearest: 10 or 20"):
        device_batch(settings, 5)


@pytest.mark.parametrize(
    ("keys", "devices", "part", "fixed"),
    [
        (["train.ema=null"], 1, 4, 8 + 16 + 5),  # weights, state and what the peak holds without an image
        ([], 1, 4, 8 + 16 + 5 + 8),  # averaged weights
        ([], 2, 2, 8 + 16 + 5 + 8 + 7),  # buckets of gradients
        (["train.accumulate=2"], 1, 2, 8 + 16 + 5 + 8 + 7),  # gradients of the first part
    ],
)
def test_what_there_is_whatever_the_batch(tiny, monkeypatch, keys, devices, part, fixed):
    def count(settings):
        n = settings.train.batch_size
        return ONCE._replace(flops=300 * n, moved=1 + 60 * n, kept=20 * n, peak=5 + 30 * n, gradients=7)

    monkeypatch.setattr("cornernet.profiling.roofline.count", count)
    found = costs(config.load(tiny, keys), devices)
    assert (found.part, found.fixed) == (part, fixed)
    assert (found.flops, found.moved, found.kept, found.peak) == (300, 60, 20, 30)
    assert found.optimiser == 2 * (8 + 16 + (0 if "train.ema=null" in keys else 8)) + 7


@pytest.mark.parametrize("kind", ["tiny", "tiny_anchor"])
def test_an_estimate_follows_the_machine(kind, request):
    settings = config.load(request.getfixturevalue(kind), ["model.backbone.stacks=1", "train.precision=auto"])
    slow = Machine(flops=1e9, bandwidth=2e12, memory=80e9, link=3e11, devices=2)
    base, faster = (estimate(settings, m) for m in (slow, slow._replace(flops=2e9, bandwidth=1e12, memory=40e9)))
    assert base.settings.train.precision == "bf16"  # of auto, whatever this machine has
    assert faster.times.arithmetic == pytest.approx(base.times.arithmetic / 2)
    assert faster.largest_batch == pytest.approx(base.largest_batch / 2, rel=0.01)


@pytest.mark.slow
def test_this_machine_is_held_against_its_estimate(tiny):
    found = check(config.load(tiny), 1)
    assert found.over_roofline == pytest.approx(found.step / found.roofline) and min(found) > 0
